<?php
/* A server of before that reports to Redis by its constructor. */

class Server extends \DoraRPC\Server
{
    protected $externalConfig = ['task_worker_num' => 1];
    protected $doraConfig = ['pid_path' => FOLDER, 'log_path' => FOLDER];

    public function initServer($server)
    {
    }

    public function initTask($server, $worker_id)
    {
    }

    public function doWork($param)
    {
        return 1;
    }

    protected function getLocalIp()
    {
        return '127.0.0.1';
    }
}

define('FOLDER', $argv[2]);
$groups = ['list' => ['old1', 'old2', 'old1']];
$one = ['ip' => '127.0.0.1', 'port' => $argv[1]];
$report = [$one, ['ip' => '', 'port' => 6379], ['ip' => '127.0.0.1', 'port' => ''], $one];
new Server('127.0.0.1', 0, 0, $groups, $report);
