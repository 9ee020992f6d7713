<?php
/* Classes that programs derive, with the original's signatures, and what they reach above. */

class M extends \DoraRPC\Monitor
{
    public function discovery()
    {
        parent::discovery();
    }

    public function onPacket($server, $data, $client_info)
    {
        parent::onPacket($server, $data, $client_info);
    }
}

class L extends \DoraRPC\LogAgent
{
    public static function own()
    {
        self::setLogLevel(0);
        return [self::$table, static::$logagent];
    }
}

class C extends \DoraRPC\Client
{
    public function __construct(array $config)
    {
        parent::__construct($config);
    }

    public function singleAPI(
        $name,
        $param,
        $mode = \DoraRPC\DoraConst::SW_MODE_WAITRESULT,
        $retry = 0,
        $ip = "",
        $port = ""
    ) {
        return parent::singleAPI($name, $param, $mode, $retry, $ip, $port);
    }
}

class S extends \DoraRPC\RpcServer
{
    public function initServer($server)
    {
        $this->onStart($server);
        $this->onManagerStart($server);
        $this->onTask($server, 1, 2, []);
        $this->onFinish($server, 1, []);
        $this->onWorkerError($server, 1, 2, 3);
    }

    public function initTask($server, $worker_id)
    {
    }

    public function doWork($param)
    {
        return 1;
    }
}

$config = [
    'discovery' => [['ip' => '127.0.0.1', 'port' => '6379']],
    'config' => 'x.php',
    'log' => [],
];
$monitor = new M(ip: '127.0.0.1', port: 0, config: $config);
$monitor->onPacket(null, '', []);
echo json_encode(L::own()), "\n";
echo (new C([['ip' => '', 'port' => 0]]))->singleAPI('/x', 1)['code'], "\n";
$server = new S();
$server->__destruct();
echo get_parent_class($server), ' ', $server->doWork([]), "\n";
$hooks = ['onStart', 'onManagerStart', 'onWorkerStart', 'onReceive', 'onRequest', 'onTask',
    'onFinish', 'onHttpFinished', 'onWorkerError'];
foreach ($hooks as $name) {
    $method = new ReflectionMethod('DoraRPC\BackEndServer', $name);
    echo $method->isFinal() && $method->isPublic() ? '' : "$name\n";
}
