<?php
/* A server as today's demo has it: configure() and discovery() declared anew, one Redis twice, one
 * place left empty, more workers than there can be, every kind of name. */

class Shop extends \DoraRPC\BackEndServer
{
    public function initServer($server)
    {
        $server->shop = 'open';
    }

    public function initTask($server, $worker_id)
    {
        echo "task $worker_id $server->shop\n"; // one write: tasks share the pipe
    }

    public function doWork($param)
    {
        $api = $param['api'];
        $is_plain = array_keys($api) === ['name', 'param'] && is_string($api['name']);
        if (!$is_plain || $api['name'] === '') {
            return $api;
        }
        return [$api['name'] => $api['param']];
    }

    public function configure(array $config)
    {
        $config['http']['task_worker_num'] = 2;
        return parent::configure($config);
    }

    public function discovery(array $group, array $report)
    {
        return parent::discovery($group, $report);
    }

    protected function getLocalIp()
    {
        return '127.0.0.1';
    }

    public function __destruct()
    {
        parent::__destruct();
    }
}

[, $redis, $folder] = $argv;
$server = new Shop('127.0.0.1', 0, 0);
$server->configure([
    'http' => [
        'worker_num' => 40,
        'task_max_request' => -1,
        'reactor_num' => 128,
        'log_file' => '',
        'log_level' => 0,
        'user' => 'www',
        'group' => 'www',
    ],
    'dora' => ['pid_path' => $folder, 'log_path' => $folder],
]);
$place = ['ip' => '127.0.0.1', 'port' => $redis];
$server->discovery(['group1', 'group2'], [[$place, $place], [['ip' => '', 'port' => '6379']]]);
$server->start();
