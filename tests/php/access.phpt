--TEST--
Dora\Client and Dora\Request: a token says who calls, handlers see it, and two callers share no connection
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server('
    $app = new Dora\App();
    $who = fn($param, Dora\Request $request) => [$request->caller, $param];
    $app->api("/shop/who", $who);
    $app->api("/open/who", $who);
    $app RUN;', ['workers' => 1, 'access' => [
    'identities' => [
        'shop' => ['token_sha256' => [hash('sha256', 'shop-1'), hash('sha256', 'shop-2')]],
        'ops' => ['token_sha256' => hash('sha256', 'ops-1')]],
    'rules' => [
        ['who' => ['shop', 'ops'], 'apis' => ['/shop/*']],
        ['who' => 'ops', 'apis' => ['*'], 'control' => true],
        ['who' => 'anyone', 'apis' => ['/open/*']]]]]);

$shop = $server->client(['token' => 'shop-1']);
$again = $server->client(['token' => 'shop-1']);
$ops = $server->client(['token' => 'ops-1']);
$nobody = $server->client();
foreach ([$shop, $again, $server->client(['token' => 'shop-2']), $ops] as $client) {
    report(fn() => $client->call('/shop/who', 1));
}
report(fn() => $shop->call('/open/who', 2));
report(fn() => $nobody->call('/open/who', 3));
report(fn() => $nobody->call('/shop/who', 4));
report(fn() => $server->client(['token' => 'wrong'])->call('/open/who', 5));

echo "-- connections by token, not by object\n";
[$shop, $ops, $nobody, $again] = [null, null, null, null];
report(fn() => $server->client(['token' => 'ops-1'])->call('/shop/who', 6));
report(fn() => $server->client()->call('/open/who', 7));

echo "-- what is no token, and no place for one\n";
report(fn() => $server->client(['token' => 7]));
report(fn() => $server->client(['token' => 'two words']));
report(fn() => new Dora\Client('192.0.2.1:9567', ['token' => 'secret']));

echo "-- without a server\n";
$app = new Dora\App();
$app->api('/who', fn($param, Dora\Request $request) => $request->caller);
report(fn() => $app->call('/who', null, ['caller' => 'shop']));
report(fn() => $app->call('/who') ?? 'nobody');
echo (new Dora\Request('/x', caller: 'shop'))->caller, "\n";
var_dump((new Dora\Request('/x'))->caller);
echo $server->stop(), "\n";
?>
--EXPECT--
["shop",1]
["shop",1]
["shop",1]
["ops",1]
["shop",2]
[null,3]
Dora\NotRunException 100205: not permitted: a caller without identity may not have /shop/who (access)
Dora\NotRunException 100205: the token is not known
-- connections by token, not by object
["ops",6]
[null,7]
-- what is no token, and no place for one
TypeError 0: Dora\Client::__construct(): Argument #2 ($options) must have a string without NUL bytes as "token"
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) is wrong: token must be 1 to 1024 visible ASCII characters, without spaces
ValueError 0: Dora\Client::__construct(): Argument #1 ($nodes) is wrong: the token is not sent to 192.0.2.1:9567: over plain TCP to another machine others could read it; use tls://, the Unix socket or loopback
-- without a server
"shop"
"nobody"
shop
NULL
0
