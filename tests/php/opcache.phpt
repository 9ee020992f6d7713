--TEST--
a reload takes no included file from an opcache that could be older than its source
--SKIPIF--
<?php
if (getenv('DORA_BIN') === false) die('skip needs DORA_BIN');
require __DIR__ . '/common.inc';
if (opcache() === null) die('skip no opcache here');
--FILE--
<?php
require __DIR__ . '/common.inc';

$folder = sys_get_temp_dir() . '/dora-opcache-' . getmypid();
mkdir("$folder/cache", 0700, true);
// Two of them within a second have the same size and time.
$write = fn(int $value) => file_put_contents("$folder/value.php", "<?php return $value;\n");
$write(0);
file_put_contents("$folder/app.php", <<<'PHP'
    <?php
    $value = require __DIR__ . '/value.php';
    $app = new Dora\App();
    $app->api('value', fn() => $value);
    $app->api('cached', fn() => opcache_get_status(false) !== false);
    $app->run(['port' => 0, 'workers' => 1]);
    PHP);
$server = Server::of([PHP_BINARY, '-n', ...opcache(), '-d', 'opcache.validate_timestamps=1',
    '-d', 'opcache.revalidate_freq=60', '-d', "opcache.file_cache=$folder/cache", '-d', 'extension=' . module_file(),
    "$folder/app.php"]);
$client = $server->client();
var_dump($client->call('cached'));
$right = 0;
for ($value = 1; $value <= 4; $value++) {
    $write($value);
    exec(getenv('DORA_BIN') . " reload 127.0.0.1:$server->port 2>&1", $said, $status);
    $right += $status === 0 && $client->call('value') === $value;
}
var_dump($right, $server->stop());
exec('rm -r ' . escapeshellarg($folder));
?>
--EXPECT--
bool(true)
int(4)
int(0)
