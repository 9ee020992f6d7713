--TEST--
in the original a retry ran the call twice, elsewhere: here it has the same guid and node, and its own time
--FILE--
<?php
require __DIR__ . '/scripted.inc';

/* Says what it is asked, and answers as it is told: the n-th request by the n-th letter of "name". */
$code = <<<'PHP'
    $asked = [];
    while ($conn = accept($listener)) {
        while ([$guid, $message] = request_read($conn)) {
            $how = $message['api']['one']['name'];
            $asked[$guid] = ($asked[$guid] ?? -1) + 1;
            echo "$guid\n";
            switch ($how[$asked[$guid] % strlen($how)]) {
                case 'c': /* close */
                    break 2;
                case 'a': /* answer */
                    reply_write($conn, $guid, reply_single($guid, 'answered'));
                    break;
                case 's': /* silence, on this connection */
                    $kept[] = $conn;
                    break 2;
            }
        }
        $conn = null;
    }
    PHP;
$servers = [new Scripted($code), new Scripted($code)];
$client = new DoraRPC\Client(['g' => [$servers[0]->node(), $servers[1]->node()]]);
$client->changeMode(['type' => 1, 'group' => 'g']);
ini_set('dora.timeout', '3');

/** Makes a call and says what came of it, how long it took, and what the servers saw. */
function told(string $how, int $retry): string
{
    global $client, $servers;
    $begin = hrtime(true);
    $ret = $client->singleAPI($how, 1, 0, $retry);
    $tenths = (int)round((hrtime(true) - $begin) / 1e8);
    $lines = array_map(fn($server) => [], $servers);
    foreach ($servers as $at => $server) {
        while (($line = $server->seen()) !== '') {
            $lines[$at][] = $line;
        }
    }
    $lines = array_filter($lines);
    $all = array_merge(...$lines);
    $guids = array_values(array_unique($all));
    $came = $ret['code'] === 0 ? $ret['data']['data']['data'] : 'failed';
    $after = $tenths < 28 ? 'no time' : ($tenths < 58 ? 'one try' : 'more tries');
    return "$how, $retry: $came after $after; " . count($all) . ' requests on ' . count($lines) . ' node, ' . count($guids)
        . ' guid' . ($guids === [$ret['guid']] ? '' : ' and not its own') . "\n";
}

foreach ([['a', 3, 'no time'], ['ca', 0, 'no time'], ['ca', 1, 'no time'], ['sa', 1, 'one try'], ['s', 0, 'one try']] as [$how, $retry, $after]) {
    for ($try = 0; $try < 3; $try++) { // a machine may stand still once
        $told = told($how, $retry);
        if (str_contains($told, " after $after; ")) {
            break;
        }
    }
    echo $told;
}
?>
--EXPECT--
a, 3: answered after no time; 1 requests on 1 node, 1 guid
ca, 0: failed after no time; 1 requests on 1 node, 1 guid
ca, 1: answered after no time; 2 requests on 1 node, 1 guid
sa, 1: answered after one try; 2 requests on 1 node, 1 guid
s, 0: failed after one try; 1 requests on 1 node, 1 guid
