<?php
/* A server of releases 0.4.6 and 0.4.7: no port for HTTP among the arguments. What it starts before
 * is something else. */

class Server extends \DoraRPC\Server
{
    const MASTER_PID = 'shop.pid';

    protected $externalConfig = ['task_worker_num' => 1];
    protected $doraConfig = ['log_path' => FOLDER, 'pid_path' => FOLDER];

    public function initServer($server)
    {
    }

    public function initTask($server, $worker_id)
    {
    }

    public function doWork($param)
    {
        return $param['api'];
    }

    protected function getLocalIp()
    {
        return '127.0.0.1';
    }
}

class Timer
{
    public function start()
    {
        return $this;
    }
}

[, $redis] = $argv;
define('FOLDER', $argv[2]);
(new Timer())->start();
$report = [['ip' => '127.0.0.1', 'port' => $redis]];
$res = new Server('127.0.0.1', 0, ['list' => ['four']], $report);
echo "served\n";
