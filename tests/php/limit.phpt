--TEST--
a time limit that the application sets counts for each task anew
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    set_time_limit(1);
    $app = new Dora\App();
    $app->api('spin', function ($seconds) {
        $used = fn() => array_sum(array_intersect_key(getrusage(), ['ru_utime.tv_sec' => 1]))
            + getrusage()['ru_utime.tv_usec'] / 1e6 + getrusage()['ru_stime.tv_sec']
            + getrusage()['ru_stime.tv_usec'] / 1e6;
        $end = $used() + $seconds;
        while ($used() < $end);
        return 'done';
    });
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
