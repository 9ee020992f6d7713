--TEST--
memory of a worker and of a client stays flat
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->api('work', function ($param, $request) {
        $node = new stdClass;
        $node->self = $node;
        return ['rows' => array_map(fn($row) => ['id' => $row, 'name' => "name $row"], $param['ids']), 'r' => $request->guid];
    });
    $app->api('throw', fn($param) => throw new Dora\HandlerException('expected', 5));
    $app->api('reset', function () {
        ob_start(); ini_set('precision', '3'); set_error_handler(fn() => true); $_GET['a'] = str_repeat('x', 1000);
        register_shutdown_function(fn() => 1); header('X: 1'); chdir('/'); @trigger_error('e');
        echo 'printed'; fwrite(STDERR, "said\nagain"); fclose(STDOUT); file_put_contents('php://stdout', 'x');
        return 1;
    });
    $app->api('bad', fn() => ['deep' => ['x' => new SplObjectStorage]]);
    $app->api('memory', function () { gc_collect_cycles(); return memory_get_usage(); });
    $app RUN;
    PHP, ['workers' => 1]);
$client = $server->client();
$round = function (int $times) use ($client) {
    $param = ['ids' => range(1, 50), 'text' => str_repeat('t', 3000)];
    for ($i = 0; $i < $times; $i++) {
        if ($i % 100 === 0) {
            $client->call('memory'); // PHP's table of objects grows with cycles that nobody collects
        }
        $client->call('work', $param);
        $client->callMany(['a' => ['work', $param], 'b' => ['reset'], 'c' => ['throw']]);
        try {
            $client->call($i % 2 ? 'throw' : 'bad');
        } catch (Dora\HandlerException) {
        }
    }
};
$round(200);
$worker = $client->call('memory');
$own = memory_get_usage();
$round(1500);
$grown = $client->call('memory') - $worker;
echo $grown < 20000 ? "worker flat\n" : "worker grew by $grown bytes\n";
$grown = memory_get_usage() - $own;
echo $grown < 20000 ? "client flat\n" : "client grew by $grown bytes\n";
var_dump($server->stop());
?>
--EXPECT--
worker flat
client flat
int(0)
