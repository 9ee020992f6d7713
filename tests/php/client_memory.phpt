--TEST--
Dora\Client: 200,000 calls and submissions from one process leave its memory flat
--FILE--
<?php
require __DIR__ . '/memory.inc';

$server = new Server('$app = new Dora\App(); $app->fallback(fn($param) => $param); $app RUN;', ['workers' => 2]);
$param = ['id' => 7, 'text' => str_repeat('t', 100)];

watch_memory(24, function () use ($server, $param): void {
    $client = $server->client();
    for ($i = 0; $i < 14; $i++) {
        $client->call('x', $param);
    }
    $client->callMany(['a' => ['x', $param], 'b' => ['x']]);
    $client->send('x', $param);
    $client->sendMany(['a' => ['x', $param], 'b' => ['x']]);
    $client->submit('x', $param);
    $client->submitMany(['a' => ['x', $param], 'b' => ['x']]);
    if (count($client->collect()) !== 2) {
        echo "lost\n";
    }
    $guids = [$client->submit('x', $param), $client->submitMany(['a' => ['x', $param]])];
    $client->result($client->submit('x', $param));
    $client->collect(guids: $guids);
    try {
        $client->result($guids[0]);
    } catch (Dora\Exception $error) {
        json_encode($error);
    }
    foreach (['', "\0"] as $name) {
        try {
            $client->call($name);
        } catch (ValueError | Dora\Exception) {
        }
    }
});
var_dump($server->stop());
?>
--EXPECT--
PHP's memory is flat
all memory is flat
few descriptors
int(0)
