--TEST--
a time limit that the application sets counts for each task anew
--FILE--
<?php
require __DIR__ . '/common.inc';

/** What /proc says of a process, from its state on. */
function status(int $pid): array
{
    return explode(' ', explode(') ', file_get_contents("/proc/$pid/stat"))[1]);
}

$server = new Server(<<<'PHP'
    set_time_limit(1);
    function status(int $pid): array
    {
        return explode(' ', explode(') ', file_get_contents("/proc/$pid/stat"))[1]);
    }
    $app = new Dora\App();
    $app->api('spin', function ($seconds) {
        $used = fn() => array_sum(array_intersect_key(getrusage(), ['ru_utime.tv_sec' => 1]))
            + getrusage()['ru_utime.tv_usec'] / 1e6 + getrusage()['ru_stime.tv_sec']
            + getrusage()['ru_stime.tv_usec'] / 1e6;
        $end = $used() + $seconds;
        $late = microtime(true) + ($seconds < 1 ? 0.8 : 60); // some PHPs count by the clock
        while ($used() < $end && microtime(true) < $late);
        return 'done';
    });
    $app->api('count', fn ($list) => count($list));
    $app->api('master', fn () => status(status(getmypid())[1])[1]);
    $app->api('longer', function () { set_time_limit(30); return ini_get('max_execution_time'); });
    $app RUN;
    PHP, ['workers' => 1]);
$client = $server->client(['timeout' => 60]);
report(fn() => $client->call('spin', 0.4));
report(fn() => $client->call('spin', 0.4));
report(fn() => $client->call('spin', 0.4));
usleep(1200000); // what a worker waits is not counted
report(fn() => $client->call('longer'));
report(fn() => $client->call('spin', 5));
report(fn() => $client->call('spin', 0.1));

/* The master has run the same set_time_limit(). It is no task: it may work for longer. Large JSON is
 * work; PHP ends a process by itself two seconds past its limit. */
$master = $client->call('master');
$guid = str_repeat('a', 32);
$body = json_encode(['guid' => $guid, 'type' => 'W_S',
    'api' => ['one' => ['name' => 'count', 'param' => array_fill(0, 900000, 0)]]]);
$frame = Dora\Wire::pack($guid, $body);
$socket = stream_socket_client("tcp://127.0.0.1:$server->port");
while (status($master)[11] + status($master)[12] < 330) { // hundredths of a second
    fwrite($socket, $frame);
    for ($reply = ''; Dora\Wire::check($reply) === null; $reply .= $part) {
        $part = (string)fread($socket, 8192);
        if ($part === '') {
            break 2;
        }
    }
}
fclose($socket);
var_dump($server->stop());
?>
--EXPECTF--
"done"
"done"
"done"
"30"
Dora\HandlerException 100200: Maximum execution time of 1 second exceeded in %s:%d
"done"
int(0)
