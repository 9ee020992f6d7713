--TEST--
examples/php: served alone by `php FILE` and by the dora program, asked by the example client
--SKIPIF--
<?php
require __DIR__ . '/common.inc';
if (!is_file(root_dir() . '/examples/php/products.php')) {
    die('skip no sources');
}
?>
--FILE--
<?php
require __DIR__ . '/common.inc';

function ask(Server $server): string
{
    $client = root_dir() . '/examples/php/client.php';
    $process = proc_open(
        php_command($client, "127.0.0.1:$server->port"),
        [1 => ['pipe', 'w']],
        $pipes
    );
    $text = stream_get_contents($pipes[1]);
    return $text . 'status ' . proc_close($process) . "\n";
}

/* As people run it, but on a port of its own: the example asks for 9567. */
$products = file_get_contents(root_dir() . '/examples/php/products.php');
$alone = str_replace(["<?php\n", '9567])'], ['', '0, "workers" => 2])'], $products);
$alone = str_replace('declare(strict_types=1);', '', $alone);
$server = new Server($alone);
echo $first = ask($server);
echo 'alone stops with ', $server->stop(), "\n";

$program = getenv('DORA_BIN');
if ($program && is_executable($program)) {
    $file = root_dir() . '/examples/php/products.php';
    $server = Server::of([$program, 'serve', $file, '--port', '0', '--workers', '2']);
    echo ask($server) === $first ? '' : "another answer by dora serve\n";
    echo $server->stop() === 0 ? '' : "another status by dora serve\n";
}
?>
--EXPECT--
product 7 is a Coffee mill for 61
tea: [{"id":2,"name":"Teapot","price":18.25,"tags":["kitchen","tea"]},{"id":3,"name":"Green tea, 500 g","price":12.25,"tags":["tea"]}]
total: 42.75
missing: failed with 404: no product 99
later: Teapot, 55
not run: no such api: /no/such/api (100204)
status 0
alone stops with 0
