--TEST--
DoraRPC\Client: 200,000 calls from one process leave its memory flat
--FILE--
<?php
require __DIR__ . '/memory.inc';

$server = new Server('$app = new Dora\App(); $app->fallback(fn($param) => $param); $app RUN;', ['workers' => 2]);
$config = ['g' => [['ip' => '127.0.0.1', 'port' => $server->port]]];
$param = ['id' => 7, 'text' => str_repeat('t', 100)];
ini_set('dora.timeout', '10');

watch_memory(20, function () use ($server, $config, $param): void {
    $client = new DoraRPC\Client($config);
    $client->changeMode(['type' => 1, 'group' => 'g']);
    for ($i = 0; $i < 13; $i++) {
        $client->singleAPI('x', $param);
    }
    $client->singleAPI('x', $param, 0, 1, '127.0.0.1', $server->port);
    $client->multiAPI(['a' => ['name' => 'x', 'param' => $param], 'b' => ['name' => 'x']], 0, 1);
    $client->singleAPI('x', $param, 1);
    $client->multiAPI(['a' => ['name' => 'x', 'param' => $param]], 1);
    $client->singleAPI('x', $param, 2);
    $client->multiAPI(['a' => ['name' => 'x', 'param' => $param]], 2);
    if (count($client->getAsyncData()['data']) !== 2) {
        echo "lost\n";
    }
    $client->getStat();
    $client->singleAPI('x', [new SplObjectStorage]);
    $copy = clone $client;
    $copy->changeMode(['type' => 2, 'ip' => 'localhost', 'port' => '1']);
    $copy->getConnectMode();
    DoraRPC\Packet::packDecode(DoraRPC\Packet::packEncode(DoraRPC\Packet::packFormat(str_repeat('g', 32), 'OK', 0, $param)));
});
var_dump($server->stop());
?>
--EXPECT--
PHP's memory is flat
all memory is flat
few descriptors
int(0)
