<?php
// Two clients of PDO insert a row each into a new table, then each asks for its id, the second one first, so that taking turns at
// the server connections gives neither its own. Prints what they were told.
// Arguments: DSN, user, password, table, `last` or `returning`.
[, $dsn, $user, $password, $table, $how] = $argv;
$options = [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::PGSQL_ATTR_DISABLE_PREPARES => true];
$clients = [new PDO($dsn, $user, $password, $options), new PDO($dsn, $user, $password, $options)];
$insert = "INSERT INTO $table DEFAULT VALUES";
$told = [];
if ($how === 'returning') {
    foreach ($clients as $client) $told[] = $client->query("$insert RETURNING id")->fetchColumn();
} else {
    foreach ($clients as $client) $client->exec($insert);
    foreach ([1, 0] as $number) {
        try {
            $told[$number] = $clients[$number]->lastInsertId();
        } catch (PDOException $error) {
            $told[$number] = '× ' . preg_replace('/\n.*/s', '', $error->getMessage());
        }
    }
}
ksort($told);
echo 'inserted 1 and 2, told ', implode(' and ', $told), "\n";
