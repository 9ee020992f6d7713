<?php
/**
 * A client as programs for Dora-RPC have it, less their lines that included its classes.
 *
 *     php -d extension=dora client.php     asks the servers of client.conf.php
 */

use DoraRPC\Client;
use DoraRPC\DoraConst;

$config = include __DIR__ . '/client.conf.php';

$client = new Client($config);
$client->changeMode(array('type' => 1, 'group' => 'group1'));

$apis = array(
    'oak' => array('name' => '/module_c/dd', 'param' => array('uid' => 'ff')),
    'cd' => array('name' => '/module_f/ef', 'param' => array('pathid' => 'fds')),
);

for ($i = 0; $i < 3; $i++) {
    // One api, then several, and their results. Sent again once if the connection breaks.
    $param = array('mark' => 234, 'foo' => $i);
    $ret = $client->singleAPI("/module_a/abc$i", $param, DoraConst::SW_MODE_WAITRESULT, 1);
    echo 'single: ', json_encode($ret['data']['data']['data'] ?? $ret), "\n";
    $ret = $client->multiAPI($apis, DoraConst::SW_MODE_WAITRESULT, 1);
    echo 'multi: ', json_encode(array_column($ret['data']['data'] ?? array($ret), 'data')), "\n";

    // Nobody waits for these.
    $ret = $client->singleAPI('/module_b/abc', $param, DoraConst::SW_MODE_NORESULT, 1);
    echo 'accepted: ', $ret['data']['code'] ?? $ret['msg'], "\n";
    $ret = $client->multiAPI($apis, DoraConst::SW_MODE_NORESULT, 1);
    echo 'accepted: ', $ret['data']['code'] ?? $ret['msg'], "\n";

    // The results of these are fetched all together.
    $client->singleAPI('/module_d/abc', $param, DoraConst::SW_MODE_ASYNCRESULT, 1);
    $client->multiAPI($apis, DoraConst::SW_MODE_ASYNCRESULT, 1);
    foreach ($client->getAsyncData()['data'] as $reply) {
        echo 'later: ', json_encode($reply['data']['data'] ?? array_column($reply['data'], 'data'));
        echo "\n";
    }
}

// A server by its address, for this call only; getStat and reloadServerTask take one, too.
$node = reset($config['group1']);
$mode = DoraConst::SW_MODE_WAITRESULT;
$ret = $client->singleAPI('/module_a/abc', 1, $mode, 0, $node['ip'], $node['port']);
echo 'fixed: ', json_encode($ret['data']['data']['data'] ?? $ret), "\n";

$stat = $client->getStat($node['ip'], $node['port']);
echo 'requests so far: ', $stat['data']['server']['request_count'] ?? $stat['msg'], "\n";
