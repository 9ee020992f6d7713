--TEST--
DoraRPC\Client: failures are envelopes with the socket's error or a code of the table; nothing is thrown
--FILE--
<?php
require __DIR__ . '/scripted.inc';

$server = new Scripted(<<<'PHP'
    while ($conn = accept($listener)) {
        while ([$guid, $message] = request_read($conn)) {
            switch ($message['api']['one']['name'] ?? $message['type']) {
                case 'close':
                    break 2;
                case 'header':
                    fwrite($conn, "\0\0\1\0" . substr($guid, 0, 10));
                    break 2;
                case 'garbage':
                    fwrite($conn, str_repeat("\x7f", 100));
                    break 2;
                case 'not a reply':
                    fwrite($conn, Dora\Wire::pack($guid, 'a:0:{}'));
                    break;
                case 'signed':
                    fwrite($conn, Dora\Wire::pack($guid, Dora\Wire::encode(reply_single($guid, 1)), ['sign' => true]));
                    break;
                case 'refuse':
                    reply_write($conn, $guid, DoraRPC\Packet::packFormat($guid, 'the server is stopping', 100207));
                    break 2;
                case 'silence':
                    break;
                default:
                    reply_write($conn, $guid, reply_single($guid, 'fine'));
            }
        }
        fclose($conn);
    }
    PHP);
ini_set('dora.timeout', '0.3');
$client = new DoraRPC\Client(['g' => [$server->node()]]);
$client->changeMode(['type' => 1, 'group' => 'g']);
foreach (['fine', 'close', 'fine', 'header', 'fine', 'garbage', 'fine', 'not a reply', 'signed', 'refuse', 'fine', 'silence', 'fine'] as $what) {
    $ret = $client->singleAPI($what, 1);
    $shape = array_keys($ret) === ['guid', 'code', 'msg', 'data'] && strlen($ret['guid']) === 32 ? '' : ' of another shape';
    echo "$what: ", $ret['code'] === 0 ? $ret['data']['data']['data'] : 'failed ' . ($ret['msg'] === '' ? 'without words ' : '') . json_encode($ret['data']['code'] ?? $ret['data']), $shape, "\n";
}
echo "addresses\n";
foreach ([['127.0.0.1', 1], ['no.such.host.invalid', 80]] as [$ip, $port]) {
    $ret = $client->singleAPI('fine', 1, 0, 0, $ip, $port);
    echo "$ret[code] $ret[msg]\n";
}
$client->changeMode(['type' => 2, 'ip' => '127.0.0.1', 'port' => 1]);
echo $client->singleAPI('x', 1)['code'], ' ', $client->multiAPI(['a' => ['name' => 'x']], 1)['code'], ' ', $client->singleAPI('x', 1, 2)['code'],
    ' ', $client->getStat()['code'], ' ', $client->reloadServerTask()['code'], ' ', count($client->getAsyncData()['data']), "\n";
?>
--EXPECTF--
fine: fine
close: failed []
fine: fine
header: failed []
fine: fine
garbage: failed []
fine: fine
not a reply: failed []
signed: failed []
refuse: failed %r(100207|\[\])%r
fine: fine
silence: failed []
fine: fine
addresses
111 %sConnection refused
-1 %sno.such.host.invalid%s
111 111 111 111 111 0
