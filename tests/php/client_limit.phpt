--TEST--
what nobody collects has a limit: 65536 submissions of one client; one more is refused
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server('$app = new Dora\App(); $app->fallback(fn($param) => $param); $app RUN;', ['workers' => 2]);
$client = $server->client();
try {
    for ($i = 0; $i <= 65536; $i++) {
        $client->submit('x');
    }
} catch (Dora\NotRunException $error) {
    echo "$i: {$error->getCode()}\n";
}
echo count($client->collect()), ' ', count($client->collect()), "\n";
echo strlen($client->submit('x')), ' ', count($client->collect()), "\n";
var_dump($server->stop());
?>
--EXPECT--
65536: 100203
65536 0
32 1
int(0)
