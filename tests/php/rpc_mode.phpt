--TEST--
DoraRPC\Client: construction, changeMode, getConnectMode; misuse by code -1
--FILE--
<?php
require __DIR__ . '/scripted.inc';

use DoraRPC\Client;

$server = new Server('$app = new Dora\App(); $app->fallback(fn($param) => $param); $app RUN;');
$node = ['ip' => '127.0.0.1', 'port' => $server->port];

report(fn() => new Client([]));

/* Any other array is taken: a group is looked at when it is used. */
foreach ([['group1' => []], ['group1' => 'text'], ['group1' => [['ip' => '127.0.0.1']]], ['group1' => [['port' => 9567]]],
    ['group1' => [['ip' => '127.0.0.1', 'port' => 70000]]], ['group1' => [['ip' => 'a b', 'port' => 1]]], [$node], ['group1' => [['ip' => ''], $node]]] as $config) {
    $client = new Client($config);
    $client->changeMode(['type' => 1, 'group' => 'group1']);
    $ret = $client->singleAPI('x', 4);
    echo $ret['code'], ' ', $ret['msg'], "\n";
    $client->changeMode(['type' => 2] + $node);
    echo $client->singleAPI('x', 4)['data']['data']['data'], ' ', $client->getStat()['code'], "\n";
}

/* As a node file has it, and an empty group beside. */
$client = new Client(['group1' => ["127.0.0.1_$server->port" => $node + ['updatetime' => '1482239138']], 7 => [$node], 'none' => []]);
report(fn() => $client->getConnectMode());
$ret = $client->singleAPI('x', 1);
echo strlen($ret['guid']), ' ', $ret['code'], ' ', json_encode($ret['data']), " $ret[msg]\n";
echo $client->multiAPI(['a' => ['name' => 'x']])['code'], "\n";

echo "changeMode\n";
foreach ([[], 'text', null, ['type' => 3], ['group' => 'group1'], ['type' => 1], ['type' => 1, 'group' => ''],
    ['type' => 1, 'group' => 'group2'], ['type' => 2], ['type' => 2, 'ip' => '127.0.0.1'], ['type' => 2, 'ip' => '', 'port' => 1],
    ['type' => 2, 'ip' => '127.0.0.1', 'port' => 0], ['type' => 2, 'ip' => '127.0.0.1', 'port' => 'x']] as $wrong) {
    report(fn() => $client->changeMode($wrong));
}
report(fn() => $client->getConnectMode());
foreach ([['type' => 1, 'group' => 'group1'], ['type' => '1', 'group' => 7], ['type' => 2] + $node, ['type' => 2, 'ip' => 'localhost', 'port' => "$server->port"]] as $mode) {
    $client->changeMode($mode);
    $now = $client->getConnectMode();
    echo str_replace((string)$server->port, 'PORT', json_encode($now)), ' ', $client->singleAPI('x', 5)['data']['data']['data'], "\n";
}
$client->changeMode(['type' => 1, 'group' => 'group2']);
$ret = $client->multiAPI(['a' => ['name' => 'x']]);
echo "$ret[code] $ret[msg]\n";
$client->changeMode(['type' => 1, 'group' => 'none']);
$ret = $client->singleAPI('x', 5);
echo "$ret[code] $ret[msg]\n";

echo "calls that cannot be sent\n";
$client->changeMode(['type' => 1, 'group' => 'group1']);
foreach ([fn() => $client->singleAPI('', 1), fn() => $client->singleAPI(null, 1), fn() => $client->singleAPI('x', [new SplObjectStorage]),
    fn() => $client->singleAPI('x', str_repeat('x', 3 << 20)), fn() => $client->multiAPI([]), fn() => $client->multiAPI('x'),
    fn() => $client->multiAPI(['k' => ['param' => 1]]), fn() => $client->multiAPI(['k' => ['name' => 'x', 'param' => new SplObjectStorage]]),
    fn() => $client->singleAPI('x', 1, 0, 0, '127.0.0.1'), fn() => $client->singleAPI('x', 1, 0, 0, '', 9567)] as $call) {
    $ret = $call();
    echo implode(',', array_keys($ret)), ' ', strlen($ret['guid']), " $ret[code] $ret[msg]\n";
}
report(fn() => $client->singleAPI('x', 1, 3));
report(fn() => $client->multiAPI(['a' => ['name' => 'x']], 'W'));
report(fn() => (new Client(['g' => [$node]]))->singleAPI('x', 1, -1));
echo $client->singleAPI('x', 'null and "0" are modes', null)['data']['data']['data'], ' ', $client->singleAPI('x', 6, '0')['data']['data']['data'], "\n";

echo "subclasses and copies\n";
class Mine extends Client
{
    public function __construct(array $config, private string $name)
    {
        parent::__construct($config);
        $this->changeMode(['type' => 1, 'group' => array_key_first($config)]);
    }

    public function singleAPI($name, $param, $mode = 0, $retry = 0, $ip = '', $port = '')
    {
        $ret = parent::singleAPI($name, $param, $mode, $retry, $ip, $port);
        return "$this->name: " . json_encode($ret['data']['data']['data']);
    }
}
$mine = new Mine(['g' => [$node]], 'mine');
$copy = clone $mine;
$mine->changeMode(['type' => 2] + $node);
echo $mine->singleAPI('x', 1), ' ', $copy->singleAPI('x', 2), ' ', $copy->getConnectMode()['type'], $mine->getConnectMode()['type'], "\n";
$lazy = new class extends Client {
    public function __construct() {}
};
report(fn() => $lazy->singleAPI('x', 1)['code'] . $lazy->getStat()['code'] . json_encode($lazy->getAsyncData()['data']));
report(fn() => $lazy->changeMode(['type' => 1, 'group' => 'g']));
report(fn() => $lazy->singleAPI('x', 1)['code']);
report(fn() => serialize($client));
$client->__construct(['g' => [$node]]);
report(fn() => $client->getConnectMode());
var_dump($server->stop());
?>
--EXPECTF--
Exception -1: serverConfig is empty: it must be group => list of ['ip' => , 'port' => ]
100010 group "group1" has no server: its list is empty
4 0
100010 group "group1" has no server: it must be a list of ['ip' => , 'port' => ]
4 0
100010 group "group1" has no server: port must be a number from 1 to 65535
4 0
100010 group "group1" has no server: ip must be an address as text
4 0
100010 group "group1" has no server: port must be a number from 1 to 65535
4 0
100010 group "group1" has no server: ip must be an address as text
4 0
100010 group "group1" has no server: the client was not given such a group
4 0
0 OK
4 0
Exception -1: getConnectMode: no mode yet, call changeMode first
32 -1 [] no mode yet, call changeMode first
-1
changeMode
Exception -1: changeMode: the parameter must be ['type' => 1, 'group' => ] or ['type' => 2, 'ip' => , 'port' => ]
Exception -1: changeMode: the parameter must be ['type' => 1, 'group' => ] or ['type' => 2, 'ip' => , 'port' => ]
Exception -1: changeMode: the parameter must be ['type' => 1, 'group' => ] or ['type' => 2, 'ip' => , 'port' => ]
Exception -1: changeMode: the parameter must be ['type' => 1, 'group' => ] or ['type' => 2, 'ip' => , 'port' => ]
Exception -1: changeMode: the parameter must be ['type' => 1, 'group' => ] or ['type' => 2, 'ip' => , 'port' => ]
Exception -1: changeMode: type 1 needs the name of a 'group'
Exception -1: changeMode: type 1 needs the name of a 'group'
null
Exception -1: changeMode: type 2: ip must be an address as text
Exception -1: changeMode: type 2: port must be a number from 1 to 65535
Exception -1: changeMode: type 2: ip must be an address as text
Exception -1: changeMode: type 2: port must be a number from 1 to 65535
Exception -1: changeMode: type 2: port must be a number from 1 to 65535
{"type":1,"group":"group2","ip":"","port":""}
{"type":1,"group":"group1","ip":"","port":""} 5
{"type":1,"group":"7","ip":"","port":""} 5
{"type":2,"group":"","ip":"127.0.0.1","port":PORT} 5
{"type":2,"group":"","ip":"localhost","port":"PORT"} 5
100010 group "group2" has no server: the client was not given such a group
100010 group "none" has no server: its list is empty
calls that cannot be sent
guid,code,msg,data 32 100003 an api has no name of 1 to 255 bytes
guid,code,msg,data 32 100003 an api has no name of 1 to 255 bytes
guid,code,msg,data 32 100006 $[0]: no value on the wire for type SplObjectStorage
guid,code,msg,data 32 100206 %s
guid,code,msg,data 32 100003 0 calls; 1 to 1024 are possible
guid,code,msg,data 32 100003 0 calls; 1 to 1024 are possible
guid,code,msg,data 32 100003 an api has no name of 1 to 255 bytes
guid,code,msg,data 32 100006 k: $: no value on the wire for type SplObjectStorage
guid,code,msg,data 32 -1 port must be a number from 1 to 65535
guid,code,msg,data 32 -1 ip must be an address as text
Exception 100099: unknown mode, it must be one of the SW_MODE constants
Exception 100099: unknown mode, it must be one of the SW_MODE constants
Exception 100099: unknown mode, it must be one of the SW_MODE constants
null and "0" are modes 6
subclasses and copies
mine: 1 mine: 2 12
"-1-1[]"
null
-1
Exception 0: Serialization of '%s' is not allowed
Exception -1: getConnectMode: no mode yet, call changeMode first
int(0)
