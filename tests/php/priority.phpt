--TEST--
Dora\Client: the option priority is a client's and a call's; handlers see it, and what they call has the same
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->api('own', fn($param, Dora\Request $request) => $request->priority);
    $app->api('on', fn($param) => (new Dora\Client($param))->call('own')) RUN;
    PHP, ['workers' => 2]);
$address = "127.0.0.1:$server->port";
$client = $server->client();
$both = ['a' => ['own'], 'b' => ['own']];

report(fn() => $client->call('own'));
foreach (['low', 'normal', 'high', null] as $word) {
    report(fn() => $client->call('own', null, ['priority' => $word]));
}
report(fn() => $client->callMany($both, ['priority' => 'low']));
$guid = $client->submit('own', null, ['priority' => 'low']);
report(fn() => $client->result($guid));
$guid = $client->submitMany($both, ['priority' => 'high']);
report(fn() => $client->result($guid));
report(fn() => $client->send('own', null, ['priority' => 'low']));
report(fn() => $client->sendMany($both, ['priority' => 'low']));
report(fn() => $client->call('on', $address, ['priority' => 'high']));
report(fn() => $client->call('on', $address));

echo "a client's\n";
$low = $server->client(['priority' => 'low']);
report(fn() => $low->call('own'));
report(fn() => $low->call('own', null, ['priority' => 'high']));
report(fn() => $client->call('own'));

echo "what is refused\n";
report(fn() => $client->call('own', null, ['priority' => 'urgent']));
report(fn() => $client->callMany($both, ['priority' => 3]));
report(fn() => new Dora\Client($address, ['priority' => 'High']));
?>
--EXPECT--
"normal"
"low"
"normal"
"high"
"normal"
{"a":"low","b":"low"}
"low"
{"a":"high","b":"high"}
null
null
"high"
"normal"
a client's
"low"
"high"
"normal"
what is refused
ValueError 0: Dora\Client::call(): Argument #3 ($options) must have "low", "normal" or "high" as "priority", not "urgent"
TypeError 0: Dora\Client::callMany(): Argument #2 ($options) must have a string without NUL bytes as "priority"
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) must have "low", "normal" or "high" as "priority", not "High"
