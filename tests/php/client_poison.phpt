--TEST--
a call that has ended workers: 100212 is a NotRunException, whoever says so, and is sent once
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->api('/end', fn($how) => exit(3));
    $app->api('/echo', fn($param) => $param);
    $app RUN;
    PHP, ['workers' => 2]);
$client = $server->client(['retry' => 3, 'wait' => 5.0]);

/** What the server has counted. */
function refused(Server $server): int
{
    $rpc = new DoraRPC\Client(['g' => [['ip' => '127.0.0.1', 'port' => $server->port]]]);
    $pools = $rpc->getStat('127.0.0.1', $server->port)['data']['server']['pools'];
    return current($pools)['poison'][0]['refused'] ?? -1;
}

for ($i = 0; $i < 2; $i++) {
    report(fn() => $client->call('/end', 'how'));
}
var_dump(refused($server));
report(fn() => $client->call('/end', 'how'));
report(fn() => $client->submit('/end', 'how'));
report(fn() => $client->send('/end', 'how'));
$many = $client->callMany(['a' => ['/end', 'how'], 'b' => ['/echo', 5]]);
echo get_class($many['a']), ' ', $many['a']->getCode(), ' ', $many['b'], "\n";
var_dump(refused($server));
report(fn() => $client->call('/end', 'other'));

$rpc = new DoraRPC\Client(['g' => [['ip' => '127.0.0.1', 'port' => $server->port]]]);
$rpc->changeMode(['type' => 1, 'group' => 'g']);
$reply = $rpc->singleAPI('/end', 'how', DoraRPC\DoraConst::SW_MODE_WAITRESULT, 3);
echo $reply['code'], ' ', $reply['data']['code'], ' ', $reply['data']['data']['code'], "\n";
var_dump(refused($server));
?>
--EXPECT--
Dora\HandlerException 100200: exit() called in handler
Dora\HandlerException 100200: exit() called in handler
int(0)
Dora\NotRunException 100212: refused: this call has ended workers
Dora\NotRunException 100212: refused: this call has ended workers
Dora\NotRunException 100212: refused: this call has ended workers
Dora\NotRunException 100212 5
int(4)
Dora\HandlerException 100200: exit() called in handler
0 0 100212
int(5)
