--TEST--
in the original the time began anew with every unrelated packet: here it is one deadline
--FILE--
<?php
require __DIR__ . '/scripted.inc';

/* Frames of other calls, one every 50 ms, and never the right one. */
$server = new Scripted(<<<'PHP'
    while ($conn = accept($listener)) {
        request_read($conn);
        $other = str_repeat('f', 32);
        while (@fwrite($conn, Dora\Wire::pack($other, Dora\Wire::encode(reply_single($other, 1))))) {
            usleep(50000);
        }
    }
    PHP);
ini_set('dora.timeout', '0.4');
$client = new DoraRPC\Client(['g' => [$server->node()]]);
$client->changeMode(['type' => 1, 'group' => 'g']);
$begin = hrtime(true);
$ret = $client->singleAPI('x', 1);
$ms = (hrtime(true) - $begin) / 1e6;
echo $ret['code'] !== 0 && $ret['data'] === [] ? "failed\n" : "succeeded\n";
echo $ms >= 390 && $ms < 4000 ? "in time\n" : "after $ms ms\n";
?>
--EXPECT--
failed
in time
