--TEST--
Dora\Client: a node file that changes, what is wrong with it, and its PHP form for DoraRPC\Client
--FILE--
<?php
require __DIR__ . '/common.inc';

const APP = <<<'PHP'
    $app = new Dora\App();
    $app->api('who', fn($param) => NAME);
    $app RUN;
    PHP;
const SOON_S = 20.0;

$a = new Server(str_replace('NAME', '"a"', APP));
$b = new Server(str_replace('NAME', '"b"', APP));
$base = tempnam(sys_get_temp_dir(), 'dora');
$file = "$base.json";

/** Puts a text in place of the node file, whole. */
function replace(string $text): void
{
    global $base, $file;
    file_put_contents($base, $text);
    rename($base, $file);
}

function nodes(int ...$ports): array
{
    $nodes = [];
    foreach ($ports as $port) {
        $nodes["127.0.0.1_$port"] = ['ip' => '127.0.0.1', 'port' => $port, 'updatetime' => '1'];
    }
    return $nodes;
}

/** Calls until the question is true, or it took too long. */
function calls_until(callable $question): bool
{
    $end = microtime(true) + SOON_S;
    while (!($is_true = $question()) && microtime(true) < $end);
    return $is_true;
}

echo "no file yet\n";
$client = new Dora\Client("file:$file", ['group' => 'g']);
try {
    $client->call('who');
} catch (Dora\ConnectionException $error) {
    echo $error->getCode(), str_contains($error->getMessage(), $file) ? " names it\n" : " {$error->getMessage()}\n";
}
replace(json_encode(['g' => nodes($a->port)]));
echo "there: ";
var_dump(calls_until(function () use ($client) {
    try {
        return $client->call('who') === 'a';
    } catch (Dora\ConnectionException) {
        return false;
    }
}));
replace(json_encode(['g' => nodes($b->port), 'h' => nodes($a->port)]));
echo "replaced: ";
var_dump(calls_until(fn() => $client->call('who') === 'b'));
echo $client->call('who', null, ['group' => 'h']), "\n";
report(fn() => $client->call('who', null, ['group' => 'none']));

echo "a handler that throws, and calls before\n";
set_error_handler(function (int $level, string $text) use ($client) {
    global $file;
    $client->call('who', null, ['group' => 'h']);
    throw new RuntimeException(strtr("$level $text", [$file => 'FILE']));
});
replace('{"g": [');
try {
    calls_until(fn() => $client->call('who') !== 'b');
    echo "no warning\n";
} catch (RuntimeException $error) {
    echo $error->getMessage(), "\n";
}
restore_error_handler();
var_dump($client->call('who'));

echo "another object of the same registry\n";
var_dump((new Dora\Client("file:$file"))->callMany(['k' => ['who']]));
replace(json_encode(['g' => nodes($a->port)]));
var_dump(calls_until(fn() => $client->call('who') === 'a'));

echo "the PHP form\n";
file_put_contents($base, '<?php return ' . var_export(['g' => nodes($b->port)], true) . ';');
$old = new DoraRPC\Client(include $base);
$old->changeMode(['type' => 1, 'group' => 'g']);
echo $old->singleAPI('who', null)['data']['data']['data'], "\n";

echo "wrong ones\n";
report(fn() => new Dora\Client('file:'));
report(fn() => new Dora\Client(['redis://127.0.0.1', '127.0.0.1:1']));
report(fn() => new Dora\Client(['g' => 'redis://127.0.0.1']));
unlink($base);
unlink($file);
$a->stop();
$b->stop();
?>
--EXPECTF--
no file yet

Warning: Dora\Client::call(): file %s.json: No such file or directory in %s on line %d
100010 names it
there: bool(true)
replaced: bool(true)
a
Dora\ConnectionException 100010: there is no group "none"; there are: g, h
a handler that throws, and calls before
2 Dora\Client::call(): %SFILE%S
string(1) "b"
another object of the same registry
array(1) {
  ["k"]=>
  string(1) "b"
}
bool(true)
the PHP form
b
wrong ones
ValueError 0: Dora\Client::__construct(): Argument #1 ($nodes) is wrong: %S
ValueError 0: Dora\Client::__construct(): Argument #1 ($nodes) is wrong: node "redis://127.0.0.1" is not host:port
ValueError 0: Dora\Client::__construct(): Argument #1 ($nodes) is wrong: group "g" is a registry: that has groups itself, and stands as the client's nodes
