--TEST--
Dora\Testing\Server ends with its object, and a process that is forked does not end it
--EXTENSIONS--
pcntl
--SKIPIF--
<?php
if (!getenv('DORA_BIN') || !is_executable(getenv('DORA_BIN'))) {
    die('skip DORA_BIN names no dora program');
}
?>
--FILE--
<?php
require __DIR__ . '/common.inc';
require root_dir() . '/bindings/php/stubs/testing/Server.php';

$folder = sys_get_temp_dir() . '/dora-testing-' . getmypid();
mkdir($folder);
file_put_contents("$folder/app.php", '<?php (new Dora\App())->api("echo", fn($param) => $param)->run();');
file_put_contents("$folder/dora.ini", 'extension=' . module_file());
putenv("PHP_INI_SCAN_DIR=:$folder");
putenv('DORA_PHP=' . PHP_BINARY);

$server = new Dora\Testing\Server("$folder/app.php", ['--workers=1']);
report(fn() => $server->client()->call('echo', 'served'));

echo "forked\n";
foreach (['exits', 'stops', 'drops'] as $how) {
    $child = pcntl_fork();
    if ($child === 0) {
        if ($how === 'stops') {
            $server->stop();
        } elseif ($how === 'drops') {
            $server = null;
        }
        exit(0);
    }
    pcntl_waitpid($child, $status);
    report(fn() => (new Dora\Client($server->address))->call('echo', "after a child that $how"));
}

echo "ended\n";
$address = $server->address;
$held = WeakReference::create($server);
$server = null;
var_dump($held->get(), @stream_socket_client("tcp://$address"));

echo "at the end of a program\n";
file_put_contents("$folder/program.php", '<?php require ' . var_export(root_dir() . '/bindings/php/stubs/testing/Server.php', true) . ';
    $server = new Dora\Testing\Server(' . var_export("$folder/app.php", true) . ', ["--workers=1"]);
    $held[] = &$held; $held[] = $server;
    echo $server->address;
    exit(0);');
exec(implode(' ', array_map('escapeshellarg', php_command("$folder/program.php"))), $said);
var_dump(preg_match('/^127\.0\.0\.1:\d+$/', $said[0]), @stream_socket_client("tcp://$said[0]"));
array_map('unlink', glob("$folder/*"));
rmdir($folder);
?>
--EXPECT--
"served"
forked
"after a child that exits"
"after a child that stops"
"after a child that drops"
ended
NULL
bool(false)
at the end of a program
int(1)
bool(false)
