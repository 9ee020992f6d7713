--TEST--
200,000 calls and submissions from one process, of both client families: its memory stays flat
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server('$app = new Dora\App(); $app->fallback(fn($param) => $param); $app RUN;', ['workers' => 2]);
$nodes = "127.0.0.1:$server->port";
$config = ['g' => [['ip' => '127.0.0.1', 'port' => $server->port]]];
$param = ['id' => 7, 'text' => str_repeat('t', 100)];

/** One round is 20 calls. */
function round_of_calls(string $nodes, array $config, array $param): void
{
    $client = new Dora\Client(['g' => $nodes], ['timeout' => 10, 'group' => 'g']);
    $old = new DoraRPC\Client($config);
    $old->changeMode(['type' => 1, 'group' => 'g']);
    for ($i = 0; $i < 10; $i++) {
        $client->call('x', $param);
    }
    $client->callMany(['a' => ['x', $param], 'b' => ['x']]);
    $client->send('x', $param);
    $client->submit('x', $param);
    $client->submitMany(['a' => ['x', $param], 'b' => ['x']]);
    $old->singleAPI('x', $param);
    $old->multiAPI(['a' => ['name' => 'x', 'param' => $param]], 0, 1);
    $old->singleAPI('x', $param, 1);
    $old->singleAPI('x', $param, 2);
    $old->singleAPI('x', new stdClass);
    try {
        $client->call('');
    } catch (ValueError) {
    }
    if (count($client->collect()) !== 2 || count($old->getAsyncData()['data']) !== 1) {
        echo "lost\n";
    }
}

/** What the process has in memory of its own, in KiB. */
function resident(): int
{
    preg_match('/^RssAnon:\s+(\d+) kB$/m', file_get_contents('/proc/self/status'), $match);
    return (int)$match[1];
}

ini_set('dora.timeout', '10');
$rounds = getenv('USE_ZEND_ALLOC') === '0' ? 500 : 9500; /* sanitizers are slow */
for ($i = 0; $i < 500; $i++) {
    round_of_calls($nodes, $config, $param);
}
$php = memory_get_usage();
$all = resident();
for ($i = 0; $i < $rounds; $i++) {
    round_of_calls($nodes, $config, $param);
}
$grown = memory_get_usage() - $php;
echo $grown < 4096 ? "PHP's memory is flat\n" : "PHP's memory grew by $grown bytes\n";
$grown = resident() - $all;
echo $grown < 512 ? "all memory is flat\n" : "all memory grew by $grown KiB\n";
echo count(glob('/proc/self/fd/*')) < 20 ? "few descriptors\n" : "too many descriptors\n";
var_dump($server->stop());
?>
--EXPECT--
PHP's memory is flat
all memory is flat
few descriptors
int(0)
