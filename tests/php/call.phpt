--TEST--
Dora\App::call() runs a handler in this process as a worker does; Dora\Request can be made
--FILE--
<?php
function told(callable $call): void
{
    try {
        echo json_encode($call()), "\n";
    } catch (Throwable $error) {
        $before = $error->getPrevious();
        echo get_class($error), ' ', $error->getCode(), ' ', json_encode($error->getMessage()),
            $before !== null ? ' <- ' . get_class($before) : '', "\n";
    }
}

$app = new Dora\App(fn ($value) => $value instanceof SplFixedArray ? $value->toArray() : throw new LogicException('what is that?'));
$app->workerStart(function (int $worker) { echo "start $worker\n"; });
$app->workerStop(function () { echo "stop\n"; });
$app->api('/echo', fn ($param) => $param);
$app->api('/about', fn ($param, Dora\Request $request) => [$param, $request->name, $request->guid, $request->type, $request->remainingMs > 0, $request->trace]);
$app->api('/plain', fn ($param, Dora\Request $request) => [strlen($request->guid), $request->type, $request->remainingMs, $request->trace]);
$app->api('/urgent', fn ($param, Dora\Request $request) => $request->priority);
$app->api('/fail', fn ($param) => throw match ($param) {
    'own' => new Exception('no user 7', 404), 'plain' => new LogicException('not that'),
    'deliberate' => new Dora\HandlerException('no', 409)});
$app->api('/exit', fn () => exit(3));
$app->api('/encode', fn () => ['list' => SplFixedArray::fromArray([1, 2])]);
$app->api('/no', fn () => ['a' => [new SplObjectStorage]]);
$app->api('/large', fn () => str_repeat('x', 3000000));

told(fn () => $app->call('/echo', ['a' => [1, 2.5, null, true], 'b' => "\xc3\xa9"]));
told(fn () => $app->call('/about', 7, ['guid' => str_repeat('g', 32), 'type' => 'AM_M', 'remainingMs' => 60000, 'trace' => '00-t']));
told(fn () => $app->call('/plain'));
told(fn () => [$app->call('/urgent'), $app->call('/urgent', null, ['priority' => 'high'])]);
foreach (['own', 'plain', 'deliberate'] as $how) {
    told(fn () => $app->call('/fail', $how));
}
told(fn () => $app->call('/exit'));
told(fn () => $app->call('/encode'));
told(fn () => $app->call('/no'));
told(fn () => $app->call('/large'));
told(fn () => $app->call('/none'));
$app->close();
$app->close();
$app->fallback(fn ($param, Dora\Request $request) => "fallback of $request->name");
told(fn () => $app->call('/none'));

echo "-- what is refused\n";
told(fn () => $app->call('/echo', ['x' => fopen('php://memory', 'r')]));
told(fn () => $app->call('/echo', str_repeat('x', 3000000)));
told(fn () => $app->call('/echo', 1, ['guid' => 'short']));
told(fn () => $app->call('/echo', 1, ['guid' => 5]));
told(fn () => $app->call('/echo', 1, ['type' => 'SC']));
told(fn () => $app->call('/echo', 1, ['remainingMs' => -1]));
told(fn () => $app->call('/echo', 1, ['priority' => 'urgent']));
told(fn () => $app->call('/echo', 1, ['colour' => 'blue']));
told(fn () => $app->call('', 1));

echo "-- requests\n";
$request = new Dora\Request('/user/get', ['id' => 7], remainingMs: 60000, trace: '00-t');
told(fn () => [$request->name, $request->param, strlen($request->guid), $request->type, $request->remainingMs > 0, $request->trace]);
$other = new Dora\Request('/x');
told(fn () => [$other->param, $other->remainingMs, $other->type, $other->trace, $other->guid === $request->guid]);
told(fn () => [$other->priority, (new Dora\Request('/x', priority: 'low'))->priority]);
told(fn () => new Dora\Request('/x', priority: 'urgent'));
told(fn () => new Dora\Request('/x', guid: 'short'));
told(fn () => new Dora\Request('/x', type: 'SC'));
told(fn () => new Dora\Request('/x', remainingMs: -1));
told(fn () => new Dora\Request(''));
told(fn () => $request->__construct('/y'));
?>
--EXPECT--
start 0
{"a":[1,2.5,null,true],"b":"\u00e9"}
[7,"\/about","gggggggggggggggggggggggggggggggg","AM_M",true,"00-t"]
[32,"W_S",null,""]
["normal","high"]
Dora\HandlerException 404 "Exception: no user 7" <- Exception
Dora\HandlerException 100208 "LogicException: not that (code 0)" <- LogicException
Dora\HandlerException 409 "no" <- Dora\HandlerException
Dora\HandlerException 100200 "exit() called in handler"
{"list":[1,2]}
Dora\HandlerException 100208 "LogicException: what is that? (code 0)" <- LogicException
Dora\HandlerException 100206 "the result is larger than the limit of 2097152 bytes (frame_bytes_max)"
Dora\NotRunException 100204 "no such api: \/none"
stop
start 0
"fallback of \/none"
-- what is refused
TypeError 0 "$.x: no value on the wire for type resource"
Dora\Exception 100206 "$: larger than the limit of 2097152 bytes"
ValueError 0 "a guid must have 32 bytes"
TypeError 0 "Dora\\App::call(): Argument #3 ($request) has \"guid\", which must be a string, not int"
ValueError 0 "the type of a call must be W_S, W_M, AN_S, AN_M, AM_S or AM_M"
ValueError 0 "Dora\\App::call(): Argument #3 ($request) has \"remainingMs\", which must be a number from 0 on"
ValueError 0 "Dora\\App::call(): Argument #3 ($request) has \"priority\", which must be \"low\", \"normal\" or \"high\""
ValueError 0 "Dora\\App::call(): Argument #3 ($request) has no option \"colour\": there are guid, type, protocol, connection, remainingMs, trace, caller and priority"
ValueError 0 "an api name must have 1 to 255 bytes"
-- requests
["\/user\/get",{"id":7},32,"W_S",true,"00-t"]
[null,null,"W_S","",false]
["normal","low"]
ValueError 0 "Dora\\Request::__construct(): Argument #8 ($priority) must be \"low\", \"normal\" or \"high\""
ValueError 0 "a guid must have 32 bytes"
ValueError 0 "the type of a call must be W_S, W_M, AN_S, AN_M, AM_S or AM_M"
ValueError 0 "Dora\\Request::__construct(): Argument #5 ($remainingMs) must be null or a number from 0 on"
ValueError 0 "an api name must have 1 to 255 bytes"
Error 0 "a Dora\\Request cannot be changed"
stop
