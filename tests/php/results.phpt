--TEST--
Dora\Client: one submission's result by its guid, those of a list, and what collect() leaves alone
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->api('wait', function (string $file) {
        for ($end = microtime(true) + 20; !file_exists($file) && microtime(true) < $end; usleep(2000));
        return 'waited';
    });
    $app->api('fail', fn() => throw new Dora\HandlerException('no such user', 404));
    $app->fallback(fn($param) => $param) RUN;
    PHP, ['workers' => 2]);
$client = $server->client();
$file = sys_get_temp_dir() . '/dora-results-' . getmypid();

echo "one\n";
$one = $client->submit('x', 1);
$two = $client->submit('x', 2);
$bad = $client->submit('fail');
$many = $client->submitMany(['a' => ['x', 'a'], 7 => ['fail']]);
var_dump($client->result($two), $client->result(guid: $one, timeout: 5));
report(fn() => $client->result($bad));
echo json_encode($client->result($many)), "\n";
foreach ([$one, str_repeat('0', 32), 'short'] as $guid) {
    report(fn() => $client->result($guid));
}
report(fn() => $client->result($one, 0));
report(fn() => $client->result($one, 1e12));
echo json_encode($client->collect()), "\n";

echo "late: it stays, and may be waited for again\n";
$late = $client->submit('wait', $file);
report(fn() => $client->result($late, 0.05));
touch($file);
report(fn() => $client->result($late));

echo "a list\n";
$guids = [$client->submit('x', 'first'), $client->submit('x', 'second'), $client->submit('x', 'third'), $client->submit('x', 'fourth')];
$found = $client->collect([$guids[2], $guids[0]]);
echo count($found), " {$found[$guids[0]]} {$found[$guids[2]]}\n";
$found = $client->collect(timeout: 5, guids: [$guids[1], $guids[0], $guids[1]]);
echo count($found), " {$found[$guids[1]]} ", get_class($found[$guids[0]]), " {$found[$guids[0]]->getCode()}\n";
echo json_encode([$client->collect([]), array_values($client->collect([$guids[3]], 5.0)), $client->collect(5.0)]), "\n";
report(fn() => $client->collect(['short']));
report(fn() => $client->collect([17]));
report(fn() => $client->collect([], []));
report(fn() => $client->collect(1.0, 2.0));
report(fn() => $client->collect(new stdClass()));
report(fn() => $client->collect([], -1));

echo "what is awaited is not collected\n";
pcntl_async_signals(true);
unlink($file);
$mine = $client->submit('wait', $file);
$other = $client->submit('x', 'other');
$collected = null;
pcntl_signal(SIGUSR1, function () use ($client, $other, $file, &$collected) {
    $collected = $client->collect();
    touch($file);
});
exec('(sleep 0.2; kill -USR1 ' . getmypid() . ') >/dev/null 2>&1 &');
report(fn() => $client->result($mine));
echo json_encode($collected === [$other => 'other']), "\n";
unlink($file);
var_dump($server->stop());
?>
--EXPECT--
one
int(2)
int(1)
Dora\HandlerException 404: no such user
{"a":"a","7":{"code":404,"message":"no such user"}}
Dora\ConnectionException 100012: no such result is outstanding: it was given already, or this client did not submit it
Dora\ConnectionException 100012: no such result is outstanding: it was given already, or this client did not submit it
ValueError 0: a guid of a submission has 32 bytes; this one has 5
ValueError 0: Dora\Client::result(): Argument #2 ($timeout) must be a positive number of seconds (at most 2147483)
ValueError 0: Dora\Client::result(): Argument #2 ($timeout) must be a positive number of seconds (at most 2147483), 1000000000000 is too large
[]
late: it stays, and may be waited for again
Dora\TimeoutException 100009: the result did not come in time; it is still outstanding
"waited"
a list
2 first third
2 second Dora\ConnectionException 100012
[[],["fourth"],[]]
ValueError 0: a guid of a submission has 32 bytes; this one has 5
TypeError 0: Dora\Client::collect(): a list of guids, as submit() gave them, must not have a value of type int
TypeError 0: Dora\Client::collect(): Argument #2 ($guids) must not be a second list
TypeError 0: Dora\Client::collect(): Argument #2 ($guids) must not be a second number
TypeError 0: Dora\Client::collect(): Argument #1 ($timeout) must be of type array, float or null, stdClass given
ValueError 0: Dora\Client::collect(): Argument #2 ($guids) must be a positive number of seconds (at most 2147483)
what is awaited is not collected
"waited"
true
int(0)
