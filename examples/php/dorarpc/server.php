<?php
/**
 * A server program in the form of Dora-RPC: it runs as it was written, without its include lines.
 *
 *     php server.php [port [folder]]
 *
 * The folder (/tmp by default) gets the pid files and the log:
 *     kill -USR1 $(cat /tmp/doramanager.pid)     loads the code anew
 *     kill $(cat /tmp/doramaster.pid)            stops
 *     tail -f /tmp/bizlog/biz.log
 */

class ShopServer extends \DoraRPC\BackEndServer
{
    private $products = array();
    private $workerId = -1;

    public function initServer($server)
    {
        // In the master and in each zygote: before any worker is there.
    }

    public function initTask($server, $worker_id)
    {
        // Once in each task worker: open what the calls need.
        $this->workerId = $worker_id;
        $this->products = array(
            7 => array('id' => 7, 'name' => 'Coffee mill', 'price' => 61.0),
            2 => array('id' => 2, 'name' => 'Teapot', 'price' => 18.25),
        );
        \DoraRPC\LogAgent::recordLog(4, 'init', __FILE__, __LINE__, "worker $worker_id is ready");
    }

    public function doWork($param)
    {
        $name = $param['api']['name'];
        $args = $param['api']['param'];
        switch ($name) {
            case '/product/get':
                return $this->product($args);
            case '/product/whoami':
                return array(
                    'worker' => $this->workerId,
                    'type' => $param['type'],
                    'guid' => $param['guid'],
                );
            default:
                throw new \Exception("no api $name", 404);
        }
    }

    private function product($args)
    {
        if (!isset($args['id'], $this->products[$args['id']])) {
            $missing = array('missing' => $args);
            \DoraRPC\LogAgent::recordLog(5, 'product', __FILE__, __LINE__, $missing);
            throw new \Exception('no such product', 404);
        }
        return $this->products[$args['id']];
    }
}

$port = isset($argv[1]) ? $argv[1] : 9567;
$folder = isset($argv[2]) ? $argv[2] : '/tmp';

$server = new ShopServer('127.0.0.1', $port, 0);
$server->configure(array(
    'http' => array('task_worker_num' => 4, 'task_max_request' => 4000),
    'dora' => array('pid_path' => "$folder/", 'log_path' => "$folder/bizlog/", 'log_level' => 4),
));
$server->start();
