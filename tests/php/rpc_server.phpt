--TEST--
a server program of the original: doWork, initTask, initServer, $server, configure
--FILE--
<?php
require __DIR__ . '/rpc_common.inc';

$program = new Program(<<<'PHP'
    class APIServer extends \DoraRPC\BackEndServer
    {
        protected $httpConfig = ['worker_num' => 8, 'task_worker_num' => 3, 'dispatch_mode' => 2];
        private $running;
        private $inits = [];

        function initServer($server)
        {
            $server->table = ['made by initServer'];
            $this->inits[] = 'server';
        }

        function initTask($server, $worker_id)
        {
            $this->running = $server;
            $this->inits[] = $worker_id;
        }

        function doWork($param)
        {
            switch ($param['api']['name']) {
                case 'param':
                    return $param;
                case 'keys':
                    return [array_keys($param), array_keys($param['api'])];
                case 'inits':
                    return $this->inits;
                case 'server':
                    $server = $this->running;
                    return [
                        'worker_id' => $server->worker_id, 'is own' => $server->worker_pid === getmypid(),
                        'master' => $server->master_pid, 'manager' => $server->manager_pid,
                        'taskworker' => $server->taskworker, 'table' => $server->table,
                        'workers' => $server->setting['task_worker_num'], 'reactors' => $server->setting['reactor_num'],
                        'backlog' => $server->setting['backlog'],
                    ];
                case 'stats':
                    return $this->running->stats();
                case 'swoole':
                    return $this->running->finish('x');
                case 'ip':
                    return $this->getLocalIp();
                case 'config':
                    return [$this->httpConfig['dispatch_mode'], $this->tcpConfig['package_length_type'],
                        $this->doraConfig['log_level'], $this->httpConfig['heartbeat_idle_time']];
                case 'throw':
                    throw new \Exception('asbddddfds', 1231);
                case 'print':
                    echo "printed\n";
                    return null;
            }
        }

        protected function getLocalIp()
        {
            return '10.9.8.7';
        }
    }
    $server = new APIServer('127.0.0.1', '0', 0);
    $one = $server->configure(['http' => ['reactor_num' => 1], 'dora' => ['pid_path' => $folder, 'log_path' => "$folder/log"]]);
    echo $one === $server ? "chained\n" : "other\n";
    $server->discovery(['group1'], [[['ip' => '127.0.0.1', 'port' => 1]]])->start();
    echo "start() came back\n";
    PHP);
var_dump($program->start());
$client = $program->client();
$param = $client->call('param', ['id' => 7]);
echo strlen($param['guid']), ' ', $param['type'], ' ', $param['protocol'], ' ', get_debug_type($param['fd']), ' ',
    $param['fd'] > 0 ? 'above 0' : 'no number', ' ', json_encode($param['api']), "\n";
report(fn() => $client->call('keys'));
report(fn() => $client->callMany(['a' => ['param', 1]])['a']['type']);
echo "initServer once, initTask once, with ids that count on from worker_num\n";
$inits = [];
until(function () use ($client, &$inits) {
    foreach ($client->callMany(array_fill(0, 30, ['inits'])) as $one) {
        $inits[json_encode($one)] = true;
    }
    return count($inits) > 0;
});
$expected = ['["server",8]' => true, '["server",9]' => true, '["server",10]' => true];
var_dump(array_diff_key($inits, $expected));
$server = $client->call('server');
var_dump($server['master'] === $program->pid(), $server['manager'] === $program->pid('doramanager'),
    in_array($server['worker_id'], [8, 9, 10], true));
unset($server['master'], $server['manager'], $server['worker_id']);
echo json_encode($server), "\n";
$stats = $client->call('stats');
echo implode(' ', array_keys($stats)), "\n";
var_dump(abs($stats['start_time'] - time()) < 60, $stats['worker_request_count'] >= 0);
report(fn() => $client->call('swoole'));
report(fn() => $client->call('ip'));
report(fn() => $client->call('config'));
report(fn() => $client->call('throw'));
report(fn() => $client->call('nothing'));
report(fn() => $client->call('print'));
[$text, $status] = $program->stop();
echo preg_replace('/=\S+:\d+/', '=', trim($text)), ' ', $status, "\n";
echo implode("\n", array_column($program->log('server'), 'm')), "\n";
var_dump(in_array('printed', array_column($program->log(), 'm'), true));
echo $program->stderr();
?>
--EXPECTF--
bool(true)
32 W_S tcp int above 0 {"name":"param","param":{"id":7}}
[["type","guid","fd","protocol","api"],["name","param"]]
"W_M"
initServer once, initTask once, with ids that count on from worker_num
array(0) {
}
bool(true)
bool(true)
bool(true)
{"is own":true,"taskworker":true,"table":["made by initServer"],"workers":3,"reactors":1,"backlog":3000}
start_time connection_num accept_count close_count tasking_num request_count worker_request_count
bool(true)
bool(true)
Dora\HandlerException 100208: $server->finish() was Swoole's; Dora has stats(), reload() and shutdown()%S
"10.9.8.7"
[2,"N",4,10]
Dora\HandlerException 1231: asbddddfds
null
null
chained
dora: ready tcp= http=
start() came back 0
settings that mean nothing here: http.dispatch_mode
bool(true)
