<?php
/* The server of the readme: its constructor is the start. */

class Server extends DoraRPCServer
{
    protected $externalConfig = ['reactor_num' => 32, 'worker_num' => 40, 'task_worker_num' => 2];
    protected $externalHttpConfig = [
        'task_max_request' => 4000,
        'pid_path' => FOLDER,
        'response_header' => ['Content_Type' => 'application/json'],
    ];
    protected $doraConfig = ['log_path' => FOLDER];

    function initServer($server)
    {
        echo "initServer\n";
    }

    function initTask($server, $worker_id)
    {
    }

    function doWork($param)
    {
        return ['hehe' => $param['api']['name'], 'param' => $param['api']['param']];
    }
}

define('FOLDER', $argv[1]);
$res = new Server('127.0.0.1', 0, 0);
echo "served\n";
