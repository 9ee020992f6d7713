--TEST--
Dora\App::call() within a handler leaves the outer call its deadline and its trace; hooks run once
--FILE--
<?php
require __DIR__ . '/common.inc';

const OUTER = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const INNER = '00-11111111111111111111111111111111-b7ad6b7169203331-01';

$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->workerStart(function (int $worker) use (&$starts) { $starts[] = $worker + 100; });
    $app->workerStop(function () { fwrite(STDERR, "stopped once\n"); });
    $app->api('trace', fn($param, Dora\Request $request) => explode('-', $request->trace)[1] ?? 'none');
    $app->api('starts', function ($param) use ($app, &$starts) {
        $app->call('trace');
        $app->close();
        return count($starts) === 1 && $starts[0] >= 100;
    }) RUN;
    PHP, ['workers' => 1]);
$client = $server->client();
/* Accepts and never answers. */
$mute = stream_socket_server('tcp://127.0.0.1:0');
$silent = new Dora\Client(stream_socket_get_name($mute, false), ['timeout' => 20.0]);

$app = new Dora\App();
$app->api('trace', fn() => $client->call('trace'));
$app->api('outer', function ($nests) use ($app, $client) {
    $inner = $nests ? $app->call('trace', null, ['trace' => INNER]) : 'not asked';
    return [$inner, $client->call('trace')];
});
$app->api('waits', function ($nests) use ($app, $silent) {
    if ($nests) {
        $app->call('trace');
    }
    try {
        return $silent->call('none');
    } catch (Dora\Exception $error) {
        return get_class($error);
    }
});
echo "traces\n";
report(fn() => $app->call('outer', false, ['trace' => OUTER]));
report(fn() => $app->call('outer', true, ['trace' => OUTER]));
report(fn() => $app->call('outer', true));
report(fn() => $client->call('trace'));

echo "deadlines\n";
foreach ([false, true] as $nests) {
    $begin = microtime(true);
    report(fn() => $app->call('waits', $nests, ['remainingMs' => 300]));
    var_dump(microtime(true) - $begin < 15); /* of the client's own 20 s */
}

echo "in a worker\n";
report(fn() => $client->call('starts'));
report(fn() => $client->call('starts'));
var_dump($server->stop(), substr_count($server->log(), 'stopped once'));

echo "while an exception unwinds\n";
function fails(?Throwable $at_end = null): void
{
    $app = new Dora\App();
    $app->api('echo', fn($param) => $param);
    $app->workerStop(function () {
        try {
            throw new LogicException('caught within the hook');
        } catch (LogicException) {
            echo "stop\n";
        }
    });
    if ($at_end !== null) {
        $app->workerStop(fn() => throw $at_end);
    }
    $app->call('echo');
    intdiv(1, 0);
}
report(fn() => fails());
try {
    fails(new DomainException('in the hook'));
} catch (DomainException $error) {
    echo $error->getMessage(), ' <- ', get_class($error->getPrevious()), "\n";
}
?>
--EXPECT--
traces
["not asked","0af7651916cd43dd8448eb211c80319c"]
["11111111111111111111111111111111","0af7651916cd43dd8448eb211c80319c"]
["11111111111111111111111111111111","none"]
"none"
deadlines
"Dora\\TimeoutException"
bool(true)
"Dora\\TimeoutException"
bool(true)
in a worker
true
true
int(0)
int(1)
while an exception unwinds
stop
DivisionByZeroError 0: Division by zero
stop
in the hook <- DivisionByZeroError
