--TEST--
the original ignored $ip and $port of singleAPI and multiAPI: here they are asked
--FILE--
<?php
require __DIR__ . '/scripted.inc';

$code = '$app = new Dora\App(); $app->fallback(fn($param) => getmypid()); $app RUN;';
$named = new Server($code, ['workers' => 1]);
$other = new Server($code, ['workers' => 1]);
$client = new DoraRPC\Client(['group1' => [['ip' => '127.0.0.1', 'port' => $other->port]]]);
$client->changeMode(['type' => 1, 'group' => 'group1']);

$elsewhere = $client->singleAPI('pid', 1)['data']['data']['data'];
$seen = [];
for ($i = 0; $i < 10; $i++) {
    $seen[] = $client->singleAPI('pid', 1, 0, 0, '127.0.0.1', $named->port)['data']['data']['data'];
    $seen[] = $client->multiAPI(['a' => ['name' => 'pid']], 0, 0, '127.0.0.1', (string)$named->port)['data']['data']['a']['data'];
}
$guid = $client->singleAPI('pid', 1, 2, 0, '127.0.0.1', $named->port)['guid'];
$seen[] = $client->getAsyncData()['data'][$guid]['data']['data'];
echo count(array_unique($seen)) === 1 && !in_array($elsewhere, $seen, true) ? "the named server\n" : "another server\n";
echo json_encode($client->getConnectMode()), "\n";
echo $client->singleAPI('pid', 1)['data']['data']['data'] === $elsewhere ? "then the group's again\n" : "another server\n";

/* It is this one or none: an address that is not there is not replaced by another. */
$ret = $client->singleAPI('pid', 1, 0, 2, '127.0.0.1', 1);
echo $ret['code'], "\n";
echo $named->stop(), $other->stop(), "\n";
?>
--EXPECT--
the named server
{"type":1,"group":"group1","ip":"","port":""}
then the group's again
111
00
