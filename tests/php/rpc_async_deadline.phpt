--TEST--
in the original getAsyncData waited for one after another: here for all at once, under one deadline
--FILE--
<?php
require __DIR__ . '/scripted.inc';

$code = <<<'PHP'
    $app = new Dora\App();
    $app->fallback(function ($param) { usleep($param * 1000); return $param; });
    $app RUN;
    PHP;
$servers = [new Server($code, ['workers' => 5]), new Server($code, ['workers' => 5])];
/* Accepts a call and then closes: its result is lost. */
$closing = new Scripted(<<<'PHP'
    while ($conn = accept($listener)) {
        [$guid] = request_read($conn);
        reply_write($conn, $guid, reply_accepted($guid));
        fclose($conn);
    }
    PHP);

$begin = hrtime(true);
foreach ($servers as $at => $server) {
    $node = ['ip' => '127.0.0.1', 'port' => $server->port];
    $clients[$at] = new DoraRPC\Client(["g$at" => [$node]]);
    $clients[$at]->changeMode(['type' => 1, 'group' => "g$at"]);
    for ($i = 0; $i < 4; $i++) {
        $guids[] = $clients[$at]->singleAPI('x', 1000, DoraRPC\DoraConst::SW_MODE_ASYNCRESULT)['guid'];
    }
}
$ret = $clients[0]->getAsyncData();
$ms = (hrtime(true) - $begin) / 1e6;
echo count($ret['data']), ' ', array_sum(array_column(array_column($ret['data'], 'data'), 'data')), "\n";
echo $ms >= 990 && $ms < 7500 ? "together\n" : "after $ms ms\n";

ini_set('dora.timeout', '2');
$quick = $clients[0]->singleAPI('x', 1, 2)['guid'];
$slow = [$clients[0]->singleAPI('x', 6000, 2)['guid'], $clients[0]->singleAPI('x', 6000, 2)['guid'], $clients[1]->multiAPI(['a' => ['name' => 'x', 'param' => 6000]], 2)['guid']];
$lost = $clients[1]->singleAPI('x', 1, 2, 0, '127.0.0.1', $closing->port)['guid'];
$begin = hrtime(true);
$ret = $clients[1]->getAsyncData();
$ms = (hrtime(true) - $begin) / 1e6;
echo $ms >= 1990 && $ms < 5900 ? "one deadline\n" : "after $ms ms\n";
foreach (['quick' => $quick, 'slow' => $slow[0], 'slow too' => $slow[2], 'lost' => $lost] as $name => $guid) {
    $one = $ret['data'][$guid];
    echo "$name: ", implode(',', array_keys($one)), " $one[code]", $one['code'] === 0 ? '' : ' ' . json_encode($one['data']), "\n";
}
echo json_encode($clients[0]->getAsyncData()['data']), "\n";
?>
--EXPECT--
8 8000
together
one deadline
quick: guid,code,msg,data,isresult,fromwait 0
slow: guid,code,msg,data 100009 []
slow too: guid,code,msg,data 100009 []
lost: guid,code,msg,data 100012 []
[]
