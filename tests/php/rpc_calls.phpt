--TEST--
DoraRPC\Client: the six calls in a loop, their envelopes, and getAsyncData
--FILE--
<?php
require __DIR__ . '/scripted.inc';

$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->fallback(function ($param, $request) {
        if ($request->name === '/throw') {
            throw new Exception('handler said no', 1231);
        }
        return ['name' => $request->name, 'type' => $request->type, 'param' => $param];
    });
    $app RUN;
    PHP, ['workers' => 4]);

$config = ['group1' => [['ip' => '127.0.0.1', 'port' => $server->port]]];
$client = new DoraRPC\Client($config);
$client->changeMode(['type' => 1, 'group' => 'group1']);

$bad = 0;
function expect(bool $good, mixed $what): void
{
    global $bad;
    if (!$good && $bad++ < 5) {
        echo 'not expected: ', json_encode($what), "\n";
    }
}

$keys = ['guid', 'code', 'msg', 'data'];
$multi = ['oak' => ['name' => '/module_c/dd', 'param' => ['uid' => 'ff']], 'cd' => ['name' => '/throw', 'param' => ['pathid' => 'fds']]];
for ($i = 0; $i < 50; $i++) {
    $param = ['mark' => 234, 'foo' => $i];
    $ret = $client->singleAPI("/module_a/abc$i", $param, DoraRPC\DoraConst::SW_MODE_WAITRESULT, 1);
    expect(array_keys($ret) === $keys && array_keys($ret['data']) === $keys && array_keys($ret['data']['data']) === $keys, $ret);
    expect([$ret['code'], $ret['msg'], $ret['data']['code'], $ret['data']['data']['code']] === [0, 'OK', 0, 0], $ret);
    expect($ret['data']['data']['data'] === ['name' => "/module_a/abc$i", 'type' => 'W_S', 'param' => $param], $ret);
    expect(strlen($ret['guid']) === 32 && $ret['guid'] === $ret['data']['guid'], $ret);

    $ret = $client->multiAPI($multi, DoraRPC\DoraConst::SW_MODE_WAITRESULT, 1);
    expect($ret['code'] === 0 && array_keys($ret['data']['data']) === ['oak', 'cd'], $ret);
    expect($ret['data']['data']['oak']['data'] === ['name' => '/module_c/dd', 'type' => 'W_M', 'param' => ['uid' => 'ff']], $ret);
    expect($ret['data']['data']['cd']['code'] === 1231 && $ret['data']['data']['cd']['msg'] === 'Exception: handler said no', $ret);

    $ret = $client->singleAPI('/module_b/a', $param, DoraRPC\DoraConst::SW_MODE_NORESULT, 1);
    expect($ret['code'] === 0 && $ret['data']['code'] === 100001, $ret);
    $ret = $client->multiAPI($multi, DoraRPC\DoraConst::SW_MODE_NORESULT, 1);
    expect($ret['code'] === 0 && $ret['data']['code'] === 100001, $ret);

    $one = $client->singleAPI('/module_b/a', $param, DoraRPC\DoraConst::SW_MODE_ASYNCRESULT, 1);
    expect($one['code'] === 0 && $one['data']['code'] === 100001, $one);
    $many = $client->multiAPI($multi, DoraRPC\DoraConst::SW_MODE_ASYNCRESULT, 1);
    expect($many['code'] === 0 && $many['data']['code'] === 100001, $many);
    /* So long in between that the results have arrived while it waited. */
    $client->singleAPI('/module_a/abc', 1);

    $ret = (new DoraRPC\Client($config))->getAsyncData();
    expect(array_keys($ret) === $keys && $ret['code'] === 0 && count($ret['data']) === 2, $ret);
    $single = $ret['data'][$one['guid']];
    expect(array_keys($single) === [...$keys, 'isresult', 'fromwait'] && $single['isresult'] === 1, $single);
    expect(in_array($single['fromwait'], [0, 1], true), $single);
    expect($single['data']['data'] === ['name' => '/module_b/a', 'type' => 'AM_S', 'param' => $param], $single);
    $results = $ret['data'][$many['guid']];
    expect($results['isresult'] === 1 && $results['data']['oak']['code'] === 0 && $results['data']['cd']['code'] === 1231, $results);
    expect($client->getAsyncData()['data'] === [], 'the list is not empty');
}
echo $bad, " bad\n";

echo "cleared\n";
$client->singleAPI('/x', 1, DoraRPC\DoraConst::SW_MODE_ASYNCRESULT);
$client->clearAsyncData();
echo json_encode($client->getAsyncData()['data']), "\n";

echo "a handler's error\n";
$ret = $client->singleAPI('/throw', 1);
echo json_encode([$ret['code'], $ret['data']['code'], $ret['data']['data']['code'], $ret['data']['data']['msg']]), "\n";
var_dump($server->stop());
?>
--EXPECT--
0 bad
cleared
[]
a handler's error
[0,0,1231,"Exception: handler said no"]
int(0)
