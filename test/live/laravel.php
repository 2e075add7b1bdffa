<?php
// Two connections as Laravel makes them, each with a search_path of its own. Arguments: host, port, user, password, database,
// `paths` or `none`. Prints what was seen.
require '/usr/share/php/Illuminate/Database/autoload.php';
[, $host, $port, $user, $password, $database, $how] = $argv;
$laravel = new Illuminate\Database\Capsule\Manager();
foreach (['a', 'b'] as $name) {
    $laravel->addConnection([
        'driver' => 'pgsql', 'host' => $host, 'port' => $port, 'username' => $user, 'password' => $password,
        'database' => $database, 'charset' => 'utf8', 'options' => [PDO::ATTR_EMULATE_PREPARES => true],
    ] + ($how === 'paths' ? ['schema' => $name, 'search_path' => $name] : []), $name);
}
foreach (['a', 'b'] as $name) $laravel->getConnection($name)->getPdo();
$seen = [];
foreach (['a' => 'A', 'b' => 'B'] as $name => $shown) {
    $paths = [];
    for ($i = 0; $i < 4; $i++) $paths[] = $laravel->getConnection($name)->selectOne('SHOW search_path')->search_path;
    $seen[] = "$shown: " . implode(' ', $paths);
}
echo implode('; ', $seen), "\n";
