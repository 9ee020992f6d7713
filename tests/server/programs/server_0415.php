<?php
/* A server of release 0.4.15: the class of before, and a start of its own. */

class Server extends \DoraRPC\Server
{
    protected $httpConfig = ['task_worker_num' => 1, 'pid_path' => FOLDER];

    public function initServer($server)
    {
    }

    public function initTask($server, $worker_id)
    {
    }

    public function doWork($param)
    {
        return $param['api']['param'] . '!';
    }
}

define('FOLDER', $argv[1]);
$server = new Server('127.0.0.1', 0, 0);
$server->configure(['dora' => ['log_path' => FOLDER]]);
$server->start();
echo "served\n";
