<?php
/* What client programs do: names without a slash, a mode before each call, groups that are not
 * there, a plain list with a fixed address, members of their own beside name and param. */

[, $port] = $argv;
$node = ['ip' => '127.0.0.1', 'port' => $port];

$client = new \DoraRPC\Client(serverConfig: [
    'group1' => ["127.0.0.1_$port" => $node],
    'bad' => [['ip' => '127.0.0.1']],
]);
try {
    $client->getConnectMode();
} catch (\Exception $e) {
    echo 'no mode: ', $e->getCode(), "\n";
}
$client->changeMode(['type' => 1, 'group' => 'group1']);
$wait = \DoraRPC\DoraConst::SW_MODE_WAITRESULT;
$ret = $client->singleAPI('checkLoginName', ['name' => 'ann'], $wait, 1);
echo json_encode($ret['data']['data']['data']), "\n";
foreach (['gone', 'bad'] as $group) {
    $client->changeMode(['type' => 1, 'group' => $group]);
    $many = $client->multiAPI(['a' => ['name' => '/x', 'param' => 1]]);
    echo $group, ': ', $client->singleAPI('/x', 1)['code'], ' ', $many['code'], "\n";
}
$client->changeMode(['type' => 2, 'ip' => '127.0.0.1', 'port' => $port]);
$ret = $client->multiAPI([
    'oak' => ['name' => '/module_c/dd', 'param' => ['uid' => 'ff']],
    'cd' => ['name' => '/module_e/f', 'param' => ['f' => 1], 'more' => ['kept' => true]],
], $wait, 1);
$results = $ret['data']['data'];
echo json_encode($results['oak']['data']), ' ', json_encode($results['cd']['data']), "\n";
$ret = $client->singleAPI('/later', ['a' => 1], \DoraRPC\DoraConst::SW_MODE_ASYNCRESULT, 1);
echo $ret['data']['code'], "\n";
$later = $client->getAsyncData()['data'];
echo json_encode($later[$ret['guid']]['data']['data']), ' ', $later[$ret['guid']]['isresult'], "\n";

$maintenance = new \DoraRPC\RpcClient([
    ['ip' => '2.0.0.1', 'port' => 9567],
    ['ip' => '1.0.0.1', 'port' => 9567],
]);
$maintenance->changeMode(['type' => 2, 'ip' => '127.0.0.1', 'port' => $port]);
$stat = $maintenance->getStat();
echo 'stat: ', $stat['code'], ' ', implode(',', array_keys($stat['data'])), "\n";
echo 'reload: ', $maintenance->reloadServerTask('127.0.0.1', $port)['code'], "\n";
$packed = \DoraRPC\Packet::packEncode(['guid' => 'g'], 'x');
echo \DoraRPC\RpcConst::SW_CONTROL_CMD, ' ', $packed['code'], "\n";
