--TEST--
Dora\Client: send, submit and collect, one and many; options of clients and calls
--FILE--
<?php
require __DIR__ . '/scripted.inc';

$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->api('echo', fn($param) => $param);
    $app->api('type', fn($param, $request) => [$request->type, strlen($request->guid)]);
    $app->api('throw', fn($param) => throw new Dora\HandlerException('no such user', 404));
    $app->api('add', function ($param) { file_put_contents($param['file'], $param['text'], FILE_APPEND); });
    $app->api('wait', function ($param) { usleep($param * 1000); return $param; });
    $app RUN;
    PHP, ['workers' => 4]);
$client = $server->client();
$file = tempnam(sys_get_temp_dir(), 'dora');

function shown(mixed $value): string
{
    return $value instanceof Exception ? get_class($value) . " {$value->getCode()} {$value->getMessage()}" : json_encode($value);
}

echo "send\n";
report(fn() => $client->send('add', ['file' => $file, 'text' => 'a']));
report(fn() => $client->sendMany(['x' => ['add', ['file' => $file, 'text' => 'b']], 'y' => ['add', ['file' => $file, 'text' => 'c']]]));
report(fn() => $client->sendMany([]));
report(fn() => $client->send('no such api'));
report(fn() => $client->sendMany(['x' => ['add', ['file' => $file, 'text' => 'never']], 'y' => ['no such api']]));
for ($deadline = microtime(true) + 10; strlen($text = file_get_contents($file)) < 3 && microtime(true) < $deadline; usleep(2000));
$text = str_split($text);
sort($text);
echo implode($text), "\n";

echo "submit\n";
$guids = [
    'one' => $client->submit('echo', ['k' => 1]),
    'type' => $client->submit('type'),
    'throw' => $client->submit('throw'),
    'many' => $client->submitMany(['a' => ['echo', 1], 7 => ['throw'], 'type' => ['type']]),
];
report(fn() => $client->call('echo', 'between'));
$results = $client->collect();
foreach ($guids as $name => $guid) {
    $result = $results[$guid];
    echo "$name ", strlen($guid), ' ', $name === 'many' ? implode('; ', array_map(shown(...), $result)) . ' ' . json_encode(array_keys($result)) : shown($result), "\n";
}
echo count($results), ' ', count($client->collect()), "\n";
report(fn() => $client->submit('no such api'));
report(fn() => $client->submitMany([]));
report(fn() => $client->collect(0));
report(fn() => $client->collect(-1.0));

echo "one deadline for all\n";
$late = [$client->submit('wait', 7000), $client->submit('wait', 7000), $client->submit('wait', 7000), $client->submit('wait', 1)];
$begin = hrtime(true);
$results = $client->collect(2.0);
$ms = (hrtime(true) - $begin) / 1e6;
echo $ms >= 1990 && $ms < 5900 ? "in time\n" : "after $ms ms\n";
echo get_class($results[$late[0]]), ' ', $results[$late[1]]->getCode(), ' ', $results[$late[3]], ' ', count($client->collect()), "\n";

echo "groups\n";
$dead = '127.0.0.1:1';
$groups = ['alive' => "127.0.0.1:$server->port", 'dead' => [$dead]];
$client = new Dora\Client($groups, ['timeout' => 10]);
report(fn() => $client->call('echo', 'the first group'));
report(fn() => $client->call('echo', 1, ['group' => 'dead']));
report(fn() => $client->callMany(['a' => ['echo', 1]], ['group' => 'dead']));
report(fn() => $client->send('echo', 1, ['group' => 'dead']));
report(fn() => $client->submit('echo', 1, ['group' => 'dead', 'timeout' => 10]));
report(fn() => $client->call('echo', 1, ['group' => 'none']));
report(fn() => $client->call('echo', 1, ['group' => null, 'retry' => null, 'timeout' => null]));
report(fn() => (new Dora\Client($groups, ['group' => 'dead']))->call('echo', 1));
report(fn() => (new Dora\Client($groups, ['group' => 'dead']))->call('echo', 2, ['group' => 'alive', 'timeout' => 10]));
report(fn() => new Dora\Client($groups, ['group' => 'none']));
report(fn() => new Dora\Client($dead, ['group' => 'alive']));
report(fn() => new Dora\Client(['g' => []]));
report(fn() => new Dora\Client(['g' => 7]));
report(fn() => new Dora\Client(['g' => ['nope']]));
report(fn() => (new Dora\Client([1 => [$dead], 2 => ["127.0.0.1:$server->port"]], ['group' => '2', 'timeout' => 10]))->call('echo', 'a number'));
report(fn() => (new Dora\Client([3 => "127.0.0.1:$server->port"], ['timeout' => 10]))->call('echo', 'a list with gaps'));
report(fn() => new Dora\Client($dead, ['retry' => -1]));
report(fn() => new Dora\Client($dead, ['retry' => '1']));
report(fn() => $client->call('echo', 1, ['retry' => 2.5]));
report(fn() => $client->call('echo', 1, ['wait' => '1']));
report(fn() => $client->call('echo', 1, ['wait' => NAN]));
report(fn() => new Dora\Client($dead, ['wait' => -0.5]));
report(fn() => (new Dora\Client($dead, ['wait' => 0.05]))->call('echo', 1, ['wait' => 0]));
report(fn() => $client->call('echo', 1, ['group' => 1]));

echo "many clients\n";
$first = $server->client();
$first->call('echo');
for ($i = 1; $i < 100; $i++) {
    (new Dora\Client("127.0.0.1:$server->port,127.0.0.1:$i", ['retry' => 1, 'timeout' => 10]))->call('echo');
}
echo count(glob('/proc/self/fd/*')) < 60 ? "connections of old ones are closed\n" : "too many\n";
report(fn() => $first->call('echo', 'the first still works'));
unlink($file);
var_dump($server->stop());
?>
--EXPECTF--
send
null
null
null
Dora\NotRunException 100204: no such api: no such api
Dora\NotRunException 100204: no such api: no such api
abc
submit
"between"
one 32 {"k":1}
type 32 ["AM_S",32]
throw 32 Dora\HandlerException 404 no such user
many 32 1; Dora\HandlerException 404 no such user; ["AM_M",32] ["a",7,"type"]
4 0
Dora\NotRunException 100204: no such api: no such api
ValueError 0: Dora\Client::submitMany(): Argument #1 ($calls) must hold at least one call
ValueError 0: Dora\Client::collect(): Argument #1 ($timeout) must be a positive number of seconds (at most 2147483)
ValueError 0: Dora\Client::collect(): Argument #1 ($timeout) must be a positive number of seconds (at most 2147483)
one deadline for all
in time
Dora\TimeoutException 100009 1 0
groups
"the first group"
Dora\ConnectionException 100010: %s
Dora\ConnectionException 100010: %s
Dora\ConnectionException 100010: %s
Dora\ConnectionException 100010: %s
ValueError 0: %s"none"%s
1
Dora\ConnectionException 100010: %s
2
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) is wrong: there is no group "none"; there are: alive, dead
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) is wrong: there is no group "alive"; the client has no groups
ValueError 0: Dora\Client::__construct(): Argument #1 ($nodes) is wrong: nodes["g"] is empty: "host:port" or a list of these is wanted
TypeError 0: Dora\Client::__construct(): Argument #1 ($nodes) is wrong: nodes["g"] is int: "host:port" or a list of these is wanted
ValueError 0: Dora\Client::__construct(): Argument #1 ($nodes) is wrong: %s"nope"%s
"a number"
"a list with gaps"
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) must have an int of 0 or more as "retry"
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) must have an int of 0 or more as "retry"
ValueError 0: Dora\Client::call(): Argument #3 ($options) must have an int of 0 or more as "retry"
ValueError 0: Dora\Client::call(): Argument #3 ($options) must have 0 to 2147483 seconds as "wait"
ValueError 0: Dora\Client::call(): Argument #3 ($options) must have 0 to 2147483 seconds as "wait"
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) must have 0 to 2147483 seconds as "wait"
Dora\ConnectionException 100010: %s
TypeError 0: Dora\Client::call(): Argument #3 ($options) must have a string without NUL bytes as "group"
many clients
connections of old ones are closed
"the first still works"
int(0)
