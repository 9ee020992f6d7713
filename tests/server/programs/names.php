<?php
/* Names and apis of every kind, from the client's side; the server's doWork() looks at them. */

[, $port] = $argv;
$client = new \DoraRPC\Client([['ip' => '127.0.0.1', 'port' => $port]]);
$client->changeMode(['type' => 2, 'ip' => '127.0.0.1', 'port' => $port]);
$asked = ['', 17, null, true, 1.5, ['a'], "a b/\xe4", str_repeat('n', 256)];
foreach ($asked as $name) {
    $got = $client->singleAPI($name, [1])['data']['data']['data'];
    $is_plain = is_string($name) && $name !== '';
    echo (int)($got === ($is_plain ? [$name => [1]] : ['name' => $name, 'param' => [1]]));
}
$apis = [['param' => 2], [], 7 => ['param' => 1, 'name' => 'y', 'z' => null]];
$got = $client->multiAPI($apis)['data']['data'];
foreach ($apis as $key => $api) {
    echo (int)($got[$key]['data'] === $api);
}
echo ' ', $client->multiAPI(['k' => 'text'])['code'], "\n";
