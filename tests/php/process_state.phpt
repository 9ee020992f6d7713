--TEST--
between tasks: what a task changed in the process is put back; a dying shutdown function is not called twice
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->api('state', fn() => [setlocale(LC_CTYPE, 0), umask(), headers_sent()]);
    $app->api('change', function () {
        setlocale(LC_CTYPE, 'C.UTF-8', 'C.utf8');
        umask(0077);
        echo "printed\n";
        return true;
    });
    $app->api('die', function ($file) {
        register_shutdown_function(function () use ($file) { file_put_contents($file, 'x', FILE_APPEND); });
        register_shutdown_function(function () { trigger_error('the end', E_USER_ERROR); });
        return true;
    });
    $app RUN;
PHP, ['workers' => 1]);

$client = $server->client();
$before = $client->call('state');
$client->call('change');
var_dump($before[2], $client->call('state') === $before);

$file = tempnam(sys_get_temp_dir(), 'dora');
$client->call('die', $file);
var_dump($client->call('state') === $before);
var_dump(file_get_contents($file));
unlink($file);
?>
--EXPECT--
bool(false)
bool(true)
bool(true)
string(1) "x"
