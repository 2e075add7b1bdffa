<?php
// Two clients of PDO, whose statements have the same names; then one of them inside a transaction.
// Last whether a boolean can be bound as the number that PHP makes of it.
// Arguments: DSN, user, password, pool mode, `emulate`, `disable` or `prepare`, and `laravel` where Laravel makes them. Prints what was seen.
[, $dsn, $user, $password, $mode, $how] = $argv;
$options = [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => $how === 'emulate'];
if ($how === 'disable') $options[PDO::PGSQL_ATTR_DISABLE_PREPARES] = true;
function make(string $dsn, string $user, string $password, array $options): PDO {
    global $argv;
    if (($argv[6] ?? '') !== 'laravel') return new PDO($dsn, $user, $password, $options);
    require_once '/usr/share/php/Illuminate/Database/autoload.php';
    $laravel = new Illuminate\Database\Capsule\Manager();
    parse_str(strtr(substr($dsn, strlen('pgsql:')), ';', '&'), $settings);
    $laravel->addConnection([
        'driver' => 'pgsql', 'host' => $settings['host'], 'port' => $settings['port'], 'database' => $settings['dbname'],
        'username' => $user, 'password' => $password, 'charset' => 'utf8', 'options' => $options,
    ]);
    return $laravel->getConnection()->getPdo();
}
$clients = [make($dsn, $user, $password, $options), make($dsn, $user, $password, $options)];
$results = [];
function note(array &$results, string $what): void {
    $results[$what] = ($results[$what] ?? 0) + 1;
}
function ask(PDO $client, int $number): string {
    try {
        $statement = $client->prepare("SELECT $number + ?::int");
        $statement->execute([0]);
        return (int) $statement->fetchColumn() === $number ? 'right' : "× another client's answer";
    } catch (PDOException $error) {
        return '× ' . preg_replace(['/\n.*/s', '/_[0-9a-f]{8}"/'], ['', '_N"'], $error->getMessage());
    }
}
for ($round = 0; $round < 4; $round++) foreach ([0, 1, 0] as $number) note($results, ask($clients[$number], $number));
$print = fn (array $seen): string => implode(', ', array_map(fn ($what) => "$seen[$what] $what", array_keys($seen)));
echo 'outside of a transaction: ', $print($results);
$inside = [];
try {
    for ($round = 0; $round < 4; $round++) {
        $clients[0]->beginTransaction();
        try {
            note($inside, ask($clients[0], 0));
            note($inside, ask($clients[0], 1));
        } finally {
            if ($clients[0]->inTransaction()) $clients[0]->rollBack();
        }
    }
} catch (PDOException $error) {
    note($inside, '× ' . preg_replace('/\n.*/s', '', $error->getMessage()));
}
echo '; inside: ', $print($inside);
if ($how === 'prepare') exit("\n");
try {
    $statement = $clients[0]->prepare('SELECT count(*) FROM (VALUES (true)) AS t (b) WHERE b = ?');
    $statement->bindValue(1, 1, PDO::PARAM_INT);
    $statement->execute();
    echo '; a boolean as a number: ', $statement->fetchColumn(), "\n";
} catch (PDOException $error) {
    echo '; a boolean as a number: × ', preg_replace('/\n.*/s', '', $error->getMessage()), "\n";
}
