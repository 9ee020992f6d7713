<?php
/* A server of before that names no folder for its pid files: they lie where it was started. */

class Server extends \DoraRPC\Server
{
    protected $externalConfig = ['task_worker_num' => 1];
    protected $doraConfig = ['log_path' => FOLDER];

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
}

define('FOLDER', $argv[1]);
new Server('127.0.0.1', 0, 0);
