--TEST--
dora serve app.php: the file returns its application; several pools; what it refuses
--SKIPIF--
<?php
if (!getenv('DORA_BIN') || !is_executable(getenv('DORA_BIN'))) {
    die('skip DORA_BIN names no dora program');
}
?>
--FILE--
<?php
require __DIR__ . '/common.inc';

$folder = sys_get_temp_dir() . '/dora-program-' . getmypid();
mkdir($folder);
register_shutdown_function(function () use ($folder) {
    array_map('unlink', glob("$folder/*"));
    rmdir($folder);
});
file_put_contents("$folder/one.php", <<<'PHP'
    #!/usr/bin/env php
    <?php
    namespace One;
    require_once __FILE__;
    require_once __DIR__ . '/part.php';
    $app = new \Dora\App();
    $app->api('/one', fn($param) => [part($param), basename(__FILE__), basename($_SERVER['SCRIPT_NAME'])]);
    $app->api('/warn', function () { echo $undefined; return ini_get('display_errors'); });
    $app->api('/php', fn() => [PHP_SAPI, ini_get('html_errors'), ini_get('max_execution_time')]);
    return $app;
    PHP);
file_put_contents("$folder/part.php", '<?php namespace One; function part($x) { return "part $x"; }');
file_put_contents("$folder/two.php", <<<'PHP'
    <?php
    $app = new Dora\App();
    $app->api('/two', fn($param) => ['two', $param]);
    $app->run(['port' => 1, 'workers' => 99]);
    echo "not reached\n";
    PHP);

$program = getenv('DORA_BIN');
$files = ["$folder/one.php", "$folder/two.php"];
$env = ['DORA_PHP' => PHP_BINARY];
$server = Server::of([$program, 'serve', ...$files, '--port', '0', '--workers', '2'], $env);
$client = $server->client();
report(fn() => $client->call('/one', 1));
report(fn() => $client->call('/two', 2));
report(fn() => $client->call('/warn'));
report(fn() => $client->call('/php'));
report(fn() => $client->call('/three'));
report(fn() => $client->callMany(['a' => ['/one', 3], 'b' => ['/two', 4]]));
echo $server->stop(), "\n";
$log = $server->log();
var_dump(substr_count($log, 'Undefined variable $undefined'), str_contains($log, 'not reached'));
?>
--EXPECT--
["part 1","one.php","one.php"]
["two",2]
"stderr"
["cli","0","0"]
Dora\NotRunException 100204: no such api: /three
{"a":["part 3","one.php","one.php"],"b":["two",4]}
0
int(1)
bool(false)
