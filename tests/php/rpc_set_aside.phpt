--TEST--
in the original a set-aside node came back only when the whole group had failed: here it does by itself
--FILE--
<?php
require __DIR__ . '/scripted.inc';

$answer = <<<'PHP'
    $conns = [];
    for (;;) {
        $read = [$listener, ...$conns];
        $write = $except = null;
        stream_select($read, $write, $except, null);
        foreach ($read as $ready) {
            if ($ready === $listener) {
                $conns[] = accept($listener);
            } elseif ([$guid] = request_read($ready)) {
                reply_write($ready, $guid, reply_single($guid, CONFIG));
            } else {
                unset($conns[array_search($ready, $conns, true)]);
            }
        }
    }
    PHP;
$good = new Scripted($answer, 'good');
$bad = new Scripted($answer, 'bad');
$client = new DoraRPC\Client(['g' => [$good->node(), $bad->node()]]);
$client->changeMode(['type' => 1, 'group' => 'g']);

/** Calls until both have answered, or for a while; gives who did, and how many calls failed. */
function ask(DoraRPC\Client $client, int $times, bool $until_both): array
{
    $seen = [];
    $failed = 0;
    $deadline = microtime(true) + 20;
    for ($i = 0; $until_both ? count($seen) < 2 && microtime(true) < $deadline : $i < $times; $i++) {
        $ret = $client->singleAPI('x', 1, 0, 1);
        $ret['code'] === 0 ? $seen[$ret['data']['data']['data']] = true : $failed++;
    }
    ksort($seen);
    return [implode(' ', array_keys($seen)), $failed];
}

echo json_encode(ask($client, 0, true)), "\n";
$bad->kill();
echo json_encode(ask($client, 300, false)), "\n";
$bad->again();
echo json_encode(ask($client, 0, true)), "\n";
?>
--EXPECT--
["bad good",0]
["good",0]
["bad good",0]
