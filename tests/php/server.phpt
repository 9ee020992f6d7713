--TEST--
one file is application and server: every kind of handler, values, requests, errors
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    final class Shop {
        public function __construct(private string $tag) {}
        public function method($param) { return [$this->tag, $param]; }
        public static function fixed($param) { return ['fixed', $param]; }
        public function __invoke($param) { return ['invoked', $param]; }
        public function __call($name, $args) { return [$name, ...$args]; }
        public static function __callStatic($name, $args) { return [$name, ...$args]; }
    }
    function named($param) { return ['named', $param]; }
    $app = new Dora\App();
    $app->api('echo', fn($param) => $param);
    $app->api('named', 'named');
    $app->api('method', [new Shop('s'), 'method']);
    $app->api('fixed', ['Shop', 'fixed']);
    $app->api('fixed2', 'Shop::fixed');
    $app->api('invoked', new Shop('s'));
    $app->api('magic', [new Shop('s'), 'anything']);
    $app->api('magicStatic', ['Shop', 'whatever']);
    $app->api('firstClass', strtoupper(...));
    $app->api('builtin', 'strtoupper');
    $app->api('time', 'time');
    $app->api('none', function () { return 'none'; });
    $app->api('nothing', function ($param) {});
    $app->api('request', fn($param, Dora\Request $r) =>
        [$r->name, $r->param, strlen($r->guid), $r->type, $r->trace,
         $r->remainingMs > 0 && $r->remainingMs <= 60000, array_keys(get_object_vars($r))]);
    $app->api('left', function ($param, Dora\Request $r) {
        $before = $r->remainingMs ?? -1;
        usleep(20000);
        return ($r->remainingMs ?? -1) < $before;
    });
    $app->api('readonly', function ($param, Dora\Request $r) { $r->name = 'x'; });
    $app->api('variadic', fn(...$all) => count($all));
    $app->api('optional', fn($param, ?Dora\Request $r = null) => $r !== null);
    $app->api('throw', fn($param) => throw new RuntimeException($param[1], $param[0]));
    $app->api('handlerException', fn($param) => throw new Dora\HandlerException('no such user', 404));
    $app->api('error', fn($param) => $param->method());
    $app->api('type', fn(int $param) => $param);
    $app->api('pdo', function ($param) {
        $e = new PDOLike('gone away');
        throw $e;
    });
    class PDOLike extends Exception {
        public function __construct($m) { parent::__construct($m); $this->code = 'HY000'; }
    }
    $app->api('object', fn($param) => ['rows' => [1, 2, 3, new SplObjectStorage]]);
    $app->api('self', function ($param) { $a = [1]; $a['me'] = &$a; return $a; });
    $app->api('big', fn($param) => str_repeat('x', $param));
    $app->api('relay', function ($node) {
        static $client = null;
        $client ??= new Dora\Client($node, ['timeout' => 5]);
        return ['relayed', $client->call('named', 'through'), count($client->callMany([['pid'], ['pid']]))];
    });
    $app->api('pid', fn($param) => getmypid());
    $app->fallback(fn($param, $request) => ['fallback', $request->name, $param]);
    $app RUN;
    PHP, ['workers' => 3]);
$client = $server->client();

$values = [null, true, 0, -1, PHP_INT_MAX, 0.1, 3.0, 1e25, INF, '', 'x', "\xff\0", '前后端分离', [], [1, [2, [3]]],
    ['a' => 1, 'b' => ['c' => null]], [3 => 'c', 1 => 'a'], ['07' => 1, 7 => 2], str_repeat('long', 200000), range(0, 9999)];
$bad = 0;
foreach ($values as $value) {
    $bad += $client->call('echo', $value) !== $value;
}
echo count($values), " values, $bad bad\n";

foreach (['named', 'method', 'fixed', 'fixed2', 'invoked', 'magic', 'magicStatic', 'firstClass', 'builtin',
    'none', 'nothing', 'variadic', 'optional', 'unknown'] as $name) {
    echo $name, ' ';
    report(fn() => $client->call($name, 'p'));
}
var_dump(abs($client->call('time') - time()) <= 2);
report(fn() => $client->call('request', ['id' => 7]));
report(fn() => $client->call('left'));
echo "errors\n";
report(fn() => $client->call('throw', [1231, 'handler threw']));
report(fn() => $client->call('throw', [-5, '']));
report(fn() => $client->call('throw', [0, 'zero']));
report(fn() => $client->call('throw', [100204, 'not really']));
report(fn() => $client->call('handlerException'));
report(fn() => $client->call('error', null));
report(fn() => $client->call('type', 'x'));
report(fn() => $client->call('pdo'));
report(fn() => $client->call('object'));
report(fn() => $client->call('self'));
report(fn() => $client->call('readonly'));
report(fn() => strlen($client->call('big', 2000000)));
report(fn() => strlen($client->call('big', 3000000)));
report(fn() => strlen($client->call('big', 5)));

echo "many\n";
$results = $client->callMany([
    'a' => ['echo', 1], 7 => ['echo', [2]], 'bad' => ['throw', [5, 'five']], 'none' => ['nothing'], '' => ['echo', 'x'],
]);
foreach ($results as $key => $result) {
    echo var_export($key, true), ' => ';
    echo $result instanceof Exception ? get_class($result) . ' ' . $result->getCode() . ' ' . $result->getMessage()
        : json_encode($result), "\n";
}
echo "a handler may call on\n";
report(fn() => $client->call('relay', "127.0.0.1:$server->port"));
report(fn() => count($client->callMany(array_fill(0, 200, ['named', 1]))));
echo "connections belong to the process\n";
$begin = memory_get_usage();
for ($i = 0; $i < 100; $i++) {
    $one = $server->client();
    $one->call('echo', $i);
    unset($one);
}
var_dump(memory_get_usage() - $begin < 4096);
var_dump(count(glob('/proc/self/fd/*')) < 20);
var_dump($server->stop());
$log = $server->log();
var_dump(str_contains($log, 'RuntimeException: handler threw in'), str_contains($log, 'no such user'));
?>
--EXPECTF--
20 values, 0 bad
named ["named","p"]
method ["s","p"]
fixed ["fixed","p"]
fixed2 ["fixed","p"]
invoked ["invoked","p"]
magic ["anything","p"]
magicStatic ["whatever","p"]
firstClass "P"
builtin "P"
none "none"
nothing null
variadic 2
optional true
unknown ["fallback","unknown","p"]
bool(true)
["request",{"id":7},32,"W_S","",true,["name","param","guid","type","remainingMs","trace","caller","priority"]]
true
errors
Dora\HandlerException 1231: RuntimeException: handler threw
Dora\HandlerException -5: RuntimeException
Dora\HandlerException 100208: RuntimeException: zero%S
Dora\HandlerException 100208: RuntimeException: not really%S
Dora\HandlerException 404: no such user
Dora\HandlerException 100208: Error: Call to a member function method() on null%S
Dora\NotRunException 100210: $: must be of type int, string given
Dora\HandlerException 100208: PDOLike: gone away (code HY000)
Dora\HandlerException 100208: $.rows[3]: no value on the wire for type SplObjectStorage
Dora\HandlerException 100208: $.me: an array that contains itself
Dora\HandlerException 100208: Error: Cannot modify readonly property Dora\Request::$name%S
2000000
Dora\HandlerException 100206: %s
5
many
'a' => 1
7 => [2]
'bad' => Dora\HandlerException 5 RuntimeException: five
'none' => null
'' => "x"
a handler may call on
["relayed",["named","through"],2]
200
connections belong to the process
bool(true)
bool(true)
int(0)
bool(true)
bool(false)
