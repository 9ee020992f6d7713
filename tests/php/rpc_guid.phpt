--TEST--
the original's guid check compared a value with itself: here only the reply to the call is one
--FILE--
<?php
require __DIR__ . '/scripted.inc';

/* First a frame of somebody else, then a reply whose body has another guid, then late ones. */
$server = new Scripted(<<<'PHP'
    while ($conn = accept($listener)) {
        while ([$guid, $message] = request_read($conn)) {
            $other = str_repeat('f', 32);
            switch ($message['api']['one']['param']) {
                case 'foreign first':
                    reply_write($conn, $other, reply_single($other, 'for another call'));
                    reply_write($conn, $guid, reply_single($guid, 'its own'));
                    break;
                case 'foreign only':
                    reply_write($conn, $other, reply_single($other, 'for another call'));
                    break;
                case 'other inside':
                    reply_write($conn, $guid, reply_single($other, 'for another call'));
                    break;
                case 'late':
                    $late[] = $guid;
                    break;
                default:
                    foreach ($late ?? [] as $before) {
                        @reply_write($conn, $before, reply_single($before, 'too late'));
                    }
                    reply_write($conn, $guid, reply_single($guid, $message['api']['one']['param']));
            }
        }
    }
    PHP);
ini_set('dora.timeout', '0.3');
$client = new DoraRPC\Client(['g' => [$server->node()]]);
$client->changeMode(['type' => 1, 'group' => 'g']);
foreach (['foreign first', 'foreign only', 'usual', 'other inside', 'usual', 'late', 'late', 'usual', 'again'] as $what) {
    $ret = $client->singleAPI('x', $what);
    $data = $ret['data']['data']['data'] ?? '-';
    echo "$what: ", $ret['code'] === 0 ? "$data\n" : "failed, $data\n";
}
?>
--EXPECT--
foreign first: its own
foreign only: failed, -
usual: usual
other inside: failed, -
usual: usual
late: failed, -
late: failed, -
usual: usual
again: again
