<?php
/**
 * A client as programs for Dora-RPC have it, less their lines that included its classes.
 *
 *     php server.php     in another terminal
 *     php client.php     asks the servers of client.conf.php
 */

use DoraRPC\Client;
use DoraRPC\DoraConst;

$config = include __DIR__ . '/client.conf.php';

$client = new Client($config);
$client->changeMode(array('type' => 1, 'group' => 'group1'));

/** The handler's envelope as text; where there is none, what failed. */
function shown($envelope)
{
    return $envelope['code'] === 0 ? json_encode($envelope['data']) : $envelope['msg'];
}

$apis = array(
    'pot' => array('name' => '/product/get', 'param' => array('id' => 2)),
    'none' => array('name' => '/product/get', 'param' => array('id' => 99)),
);

for ($i = 0; $i < 3; $i++) {
    $param = array('id' => 7, 'round' => $i);

    // One api, then several, and their results. Sent again once if the connection breaks.
    $ret = $client->singleAPI('/product/get', $param, DoraConst::SW_MODE_WAITRESULT, 1);
    echo 'single: ', shown($ret['code'] === 0 ? $ret['data']['data'] : $ret), "\n";
    $ret = $client->multiAPI($apis, DoraConst::SW_MODE_WAITRESULT, 1);
    foreach ($ret['code'] === 0 ? $ret['data']['data'] : array('failed' => $ret) as $key => $each) {
        echo "multi, $key: ", shown($each), "\n";
    }

    // Nobody waits for these.
    $ret = $client->singleAPI('/product/get', $param, DoraConst::SW_MODE_NORESULT, 1);
    echo 'accepted: ', $ret['data']['code'] ?? $ret['msg'], "\n";
    $ret = $client->multiAPI($apis, DoraConst::SW_MODE_NORESULT, 1);
    echo 'accepted: ', $ret['data']['code'] ?? $ret['msg'], "\n";

    // The results of these are fetched all together.
    $one = $client->singleAPI('/product/get', $param, DoraConst::SW_MODE_ASYNCRESULT, 1);
    $many = $client->multiAPI($apis, DoraConst::SW_MODE_ASYNCRESULT, 1);
    $later = $client->getAsyncData()['data'];
    echo 'later: ', shown($later[$one['guid']]['data'] ?? $one), "\n";
    echo 'later, pot: ', shown($later[$many['guid']]['data']['pot'] ?? $many), "\n";
}

// A server by its address, for this call only; getStat and reloadServerTask take one, too.
$node = reset($config['group1']);
$mode = DoraConst::SW_MODE_WAITRESULT;
$ret = $client->singleAPI('/product/get', $param, $mode, 0, $node['ip'], $node['port']);
echo 'fixed: ', shown($ret['code'] === 0 ? $ret['data']['data'] : $ret), "\n";

$stat = $client->getStat($node['ip'], $node['port']);
echo 'requests so far: ', $stat['data']['server']['request_count'] ?? $stat['msg'], "\n";
