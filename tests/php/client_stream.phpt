--TEST--
Dora\Client: stream() gives the parts of a call as they come, and its result behind them
--FILE--
<?php
require __DIR__ . '/streams.inc';

$server = stream_server();
$client = new Dora\Client($server->address(), ['timeout' => 30]);

echo "-- parts, then the result\n";
$sum = 0;
foreach ($stream = $client->stream('/parts', 50) as $number => $part) {
    $sum += $number === $part ? $part : -1000;
}
echo get_class($stream), ' ', $sum, ' ', $stream->getReturn(), ' ', json_encode($stream->progress()), "\n";
var_dump($stream->valid(), $stream->current(), $stream->key());
report(fn() => $stream->rewind());
report(fn() => iterator_to_array($client->stream('/parts', 3)));
report(fn() => [...$client->stream('/parts', 0)]);
report(fn() => $client->stream('/parts', 1)->getReturn());

echo "-- by hand\n";
$stream = $client->stream('/parts', 2, ['window' => 1]);
echo $stream->current(), $stream->current(), $stream->key(), "\n";
$stream->rewind();
$stream->next();
echo $stream->current(), $stream->key(), "\n";
report(fn() => $stream->rewind());
$stream->next();
var_dump($stream->valid());
echo $stream->getReturn(), "\n";

echo "-- progress\n";
$tell = function ($done, $total, $note) { echo "$done of $total: $note\n"; };
$stream = $client->stream('/progress', null, ['onProgress' => $tell]);
foreach ($stream as $part) {
    echo $part, ' ', json_encode($stream->progress()), "\n";
}
echo json_encode([$stream->progress(), $stream->getReturn()]), "\n";
$stream = $client->stream('/progress', null, ['onProgress' => fn() => throw new DomainException('enough')]);
report(fn() => $stream->current());
report(fn() => $stream->getReturn());
var_dump($stream->valid());
$stream = $client->stream('/progress', null, ['onProgress' => function () use (&$stream) {
    report(fn() => $stream->next()); // it would take what the loop waits for
}]);
report(fn() => iterator_to_array($stream));

echo "-- errors come behind the parts\n";
$stream = $client->stream('/fail');
report(function () use ($stream) {
    foreach ($stream as $part) {
        echo $part, "\n";
    }
});
report(fn() => $stream->getReturn());
var_dump($stream->valid());
report(fn() => iterator_to_array($client->stream('/late')));
report(fn() => iterator_to_array($client->stream('/old')));
report(fn() => iterator_to_array($client->stream('/silent', null, ['idle' => 0.3])));
report(fn() => iterator_to_array($client->stream('/silent', null, ['timeout' => 0.3])));

echo "-- who leaves it has the handler ended\n";
$stream = $client->stream('/endless');
foreach ($stream as $part) {
    if ($part === 40) {
        break;
    }
}
$stream->cancel();
$stream->cancel();
echo $server->line(), "\n";
var_dump($stream->valid());
report(fn() => $stream->getReturn());
$stream = $client->stream('/endless');
echo $stream->current(), "\n";
unset($stream);
echo $server->line(), "\n";
foreach ($client->stream('/endless') as $part) {
    break;
}
echo $server->line(), "\n";
echo $client->call('/echo', 7), "\n";

echo "-- many beside each other\n";
$streams = array_map(fn() => $client->stream('/parts', 20, ['window' => 4]), range(1, 5));
for ($i = 0; $i < 20; $i++) {
    foreach ($streams as $one) {
        $sum += $one->current() === $i ? 0 : 1000;
        $one->next();
    }
    $sum += $client->call('/echo', 0);
}
echo $sum, "\n";

echo "-- and after their client's object\n";
$stream = (new Dora\Client($server->address()))->stream('/parts', 70);
report(fn() => count(iterator_to_array($stream)));

echo "-- what is asked for\n";
$asked = $client->stream('/asked', 1, ['timeout' => 20, 'priority' => 'low']);
report(fn() => iterator_to_array($asked));
$asked = $asked->getReturn();
var_dump($asked['timeout'] > 19000 && $asked['timeout'] <= 20000, $asked['window'], $asked['type'], $asked['priority']);
$asked = $client->stream('/asked');
$asked->next();
var_dump(isset($asked->getReturn()['timeout']));
foreach ([['window' => 0], ['window' => 1025], ['idle' => 'x'], ['idle' => -1], ['onProgress' => 5], ['some' => 1]] as $wrong) {
    report(fn() => $client->stream('/parts', 1, $wrong));
}
report(fn() => $client->stream('/parts', new Exception('x')));
report(fn() => new Dora\Stream());
report(fn() => clone $asked);
report(fn() => serialize($asked));
?>
--EXPECT--
-- parts, then the result
Dora\Stream 1225 50 null
bool(false)
NULL
NULL
LogicException 0: a stream is gone through once
[0,1,2]
[]
LogicException 0: the stream has not ended: its result comes behind its last part
-- by hand
000
11
LogicException 0: a stream is gone through once
bool(false)
2
-- progress
1 of 2: half
a [1,2,"half"]
2 of 2: all
[[2,2,"all"],{"n":1}]
DomainException 0: enough
DomainException 0: enough
bool(false)
Error 0: Dora\Stream waits for its next part already
Error 0: Dora\Stream waits for its next part already
["a"]
-- errors come behind the parts
a
Dora\HandlerException 404: no such
Dora\HandlerException 404: no such
bool(false)
Dora\TimeoutException 100009: the time is over
Dora\Exception 100002: the server is older than streams: it does not know the type ST_S
Dora\TimeoutException 100009: the stream was silent for too long (idle)
Dora\TimeoutException 100009: the stream's time is over (timeout)
-- who leaves it has the handler ended
CN
bool(false)
Dora\HandlerException 100211: the stream was cancelled before its result came
0
CN
CN
7
-- many beside each other
1225
-- and after their client's object
70
-- what is asked for
[]
bool(true)
int(64)
string(4) "ST_S"
string(3) "low"
bool(false)
ValueError 0: Dora\Client::stream(): Argument #3 ($options) must have an int of 1 to 1024 as "window"
ValueError 0: Dora\Client::stream(): Argument #3 ($options) must have an int of 1 to 1024 as "window"
TypeError 0: Dora\Client::stream(): Argument #3 ($options) must have a number of seconds as "idle"
ValueError 0: Dora\Client::stream(): Argument #3 ($options) must have a positive number of seconds (at most 2147483) as "idle"
TypeError 0: Dora\Client::stream(): Argument #3 ($options) must have a callable or null as "onProgress", int given
ValueError 0: Dora\Client::stream(): Argument #3 ($options) must not have an unknown option "some" (there are: timeout, retry, wait, trace, priority, group, window, idle, onProgress)
ValueError 0: Dora\Client::stream(): Argument #2 ($param) cannot be sent: $: no value on the wire for type Exception
Error 0: Call to private Dora\Stream::__construct() from global scope
Error 0: Trying to clone an uncloneable object of class Dora\Stream
Exception 0: Serialization of 'Dora\Stream' is not allowed
