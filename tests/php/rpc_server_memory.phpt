--TEST--
200,000 calls handled by one worker of a server program: its memory stays flat
--SKIPIF--
<?php
if (getenv('USE_ZEND_ALLOC') === '0') {
    die('skip the allocator that is measured is off');
}
?>
--FILE--
<?php
require __DIR__ . '/rpc_common.inc';

$program = new Program(<<<'PHP'
    class APIServer extends \DoraRPC\BackEndServer
    {
        function initServer($server) {}
        function initTask($server, $worker_id) { $this->server = $server; }
        function doWork($param)
        {
            switch ($param['api']['name']) {
                case 'memory':
                    gc_collect_cycles();
                    preg_match('/^RssAnon:\s+(\d+)/m', file_get_contents('/proc/self/status'), $match);
                    return [getmypid(), memory_get_usage(), (int)$match[1] * 1024];
                case 'throw':
                    throw new \Dora\HandlerException('expected', 5);
                case 'log':
                    \DoraRPC\LogAgent::recordLog(2, 'tag', __FILE__, __LINE__, $param);
                    \DoraRPC\LogAgent::setLogLevel(1);
                    return [$this->server->stats(), \DoraRPC\LogAgent::getQueueStat()];
            }
            return ['rows' => array_fill(0, 3, $param['api']['param']), 'guid' => $param['guid'], 'fd' => $param['fd']];
        }
    }
    $server = new APIServer('127.0.0.1', 0, 0);
    $server->configure([
        'http' => ['task_worker_num' => 1, 'task_max_request' => 0],
        'dora' => ['pid_path' => $folder, 'log_path' => "$folder/log"],
    ])->start();
    PHP);
var_dump($program->start());
$client = $program->client();
$many = ['throw' => ['throw'], 'log' => ['log', ['id' => 7]]];
for ($i = 0; $i < 498; $i++) {
    $many["c$i"] = ['/user/get', ['id' => $i, 'name' => "user $i"]];
}
$round = function (int $calls) use ($client, $many) {
    for ($i = 0; $i < $calls; $i += count($many)) {
        $client->callMany($many);
    }
};
$round(5000);
[$pid, $memory, $resident] = $client->call('memory');
$round(200000);
[$same, $memory_now, $resident_now] = $client->call('memory');
var_dump($pid === $same);
$grown = [$memory_now - $memory, $resident_now - $resident];
echo $grown[0] < 20000 && $grown[1] < 1000000 ? "flat\n" : 'grew by ' . implode(' and ', $grown) . " bytes\n";
$program->stop();
?>
--EXPECT--
bool(true)
bool(true)
flat
