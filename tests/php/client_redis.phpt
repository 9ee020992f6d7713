--TEST--
Dora\Client: servers found in Redis, while they come and go
--SKIPIF--
<?php
if (!getenv('DORA_BIN')) {
    die('skip needs the dora program');
}
if (!is_executable('/usr/bin/redis-server')) {
    die('skip needs redis-server');
}
?>
--FILE--
<?php
require __DIR__ . '/common.inc';

const SOON_S = 20.0;

/** A Redis on a free port, whose end is the test's. */
function redis_begin(): array
{
    for ($tries = 0; $tries < 20; $tries++) {
        $probe = stream_socket_server('tcp://127.0.0.1:0');
        $port = (int)substr(strrchr(stream_socket_get_name($probe, false), ':'), 1);
        fclose($probe);
        $command = ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '/usr/bin/redis-server', '--bind', '127.0.0.1',
            '--port', (string)$port, '--save', '', '--appendonly', 'no', '--dir', sys_get_temp_dir()];
        $process = proc_open($command, [1 => ['pipe', 'w']], $pipes);
        while (($line = fgets($pipes[1])) !== false) {
            if (str_contains($line, 'Ready to accept connections')) {
                return [$process, $port, $pipes[1]];
            }
        }
        proc_close($process);
    }
    die('redis-server did not start');
}

function server(string $name, int $redis): Server
{
    $file = sys_get_temp_dir() . "/dora-redis-$name-" . getmypid() . '.php';
    file_put_contents($file, "<?php\n\$app = new Dora\\App();\n\$app->api('who', fn() => '$name');\nreturn \$app;\n");
    register_shutdown_function(fn() => @unlink($file));
    return Server::of([getenv('DORA_BIN'), 'serve', $file, '--port', '0', '--workers', '2',
        '--redis', "127.0.0.1:$redis", '--group', 'g']);
}

function calls_until(callable $question): bool
{
    $end = microtime(true) + SOON_S;
    while (!($is_true = $question()) && microtime(true) < $end);
    return $is_true;
}

[$redis, $port, $out] = redis_begin();
$a = server('a', $port);
$client = new Dora\Client("redis://127.0.0.1:$port", ['timeout' => 5]);
echo "a: ";
var_dump(calls_until(function () use ($client) {
    try {
        return $client->call('who') === 'a';
    } catch (Dora\ConnectionException) { /* it registers a moment after it is ready */
        return false;
    }
}));
$b = server('b', $port);
echo "b joined: ";
var_dump(calls_until(fn() => $client->call('who') === 'b'));
$a->stop();
echo "a left: ";
$many = fn() => array_unique(array_map(fn() => $client->call('who'), range(1, 20)));
var_dump(calls_until(fn() => $many() === ['b']));

echo "Redis ends, calls go on\n";
proc_terminate($redis, 9);
$warnings = [];
set_error_handler(function (int $level, string $text) use (&$warnings) {
    $warnings[] = $text;
    return true;
});
$end = microtime(true) + SOON_S;
while (!$warnings && microtime(true) < $end) {
    $client->call('who') === 'b' || print("lost\n");
}
echo str_contains($warnings[0] ?? 'none', "redis://127.0.0.1:$port") ? "told\n" : implode("\n", $warnings);
$b->stop();
proc_close($redis);
?>
--EXPECT--
a: bool(true)
b joined: bool(true)
a left: bool(true)
Redis ends, calls go on
told
