--TEST--
DoraRPC\Client: getStat and reloadServerTask, by mode and by address; the mode stays
--FILE--
<?php
require __DIR__ . '/scripted.inc';

/* The application is what it read when it was loaded. */
$file = tempnam(sys_get_temp_dir(), 'dora');
file_put_contents($file, 'old');
$code = "\$text = file_get_contents('$file');" . <<<'PHP'
    if ($text === 'broken') {
        throw new Exception('this application does not load');
    }
    $app = new Dora\App();
    $app->fallback(fn($param) => $text);
    $app RUN;
    PHP;
$servers = [new Server($code), new Server($code)];
$nodes = array_map(fn($server) => ['ip' => '127.0.0.1', 'port' => $server->port], $servers);

function pid(array $stat): int
{
    echo implode(',', array_keys($stat)), ' ', strlen($stat['guid']), " $stat[code] $stat[msg] ", implode(',', array_keys($stat['data'])), "\n";
    foreach (['start_time', 'connection_num', 'accept_count', 'close_count', 'tasking_num', 'request_count', 'worker_request_count'] as $name) {
        echo is_int($stat['data']['server'][$name] ?? null) ? '' : "$name is missing\n";
    }
    echo implode(',', array_keys($stat['data']['logqueue'])), "\n";
    return $stat['data']['server']['pid'];
}

$client = new DoraRPC\Client(['g' => [$nodes[0]]]);
$second = pid($client->getStat('127.0.0.1', $nodes[1]['port']));
try {
    $client->getConnectMode();
} catch (Exception $error) {
    echo "no mode yet: {$error->getCode()}\n";
}
echo $client->getStat()['code'], ' ', $client->reloadServerTask()['code'], "\n";

$client->changeMode(['type' => 1, 'group' => 'g']);
$first = pid($client->getStat());
echo $first !== $second ? "two servers\n" : "one server\n";
echo pid($client->getStat('127.0.0.1', (string)$nodes[1]['port'])) === $second ? "the named one\n" : "another\n";
echo json_encode($client->getConnectMode()), "\n";

echo $client->singleAPI('text', 1)['data']['data']['data'], "\n";
file_put_contents($file, 'new');
$ret = $client->reloadServerTask();
echo implode(',', array_keys($ret)), " $ret[code]\n";
$deadline = microtime(true) + 20;
do {
    $ret = $client->singleAPI('text', 1);
} while ($ret['code'] === 0 && $ret['data']['data']['data'] !== 'new' && microtime(true) < $deadline);
echo $ret['data']['data']['data'] ?? $ret['msg'], "\n";

file_put_contents($file, 'broken');
$ret = $client->reloadServerTask('127.0.0.1', $nodes[0]['port']);
echo implode(',', array_keys($ret)), " $ret[code] ", str_contains($ret['msg'], 'this application does not load') ? 'with its error' : $ret['msg'], "\n";
echo $client->singleAPI('text', 1)['data']['data']['data'], "\n";
echo json_encode($client->getConnectMode()), "\n";
unlink($file);
echo $servers[0]->stop(), $servers[1]->stop(), "\n";
?>
--EXPECT--
guid,code,msg,data 32 0 OK server,logqueue
queue_num,queue_bytes
no mode yet: -1
-1 -1
guid,code,msg,data 32 0 OK server,logqueue
queue_num,queue_bytes
two servers
guid,code,msg,data 32 0 OK server,logqueue
queue_num,queue_bytes
the named one
{"type":1,"group":"g","ip":"","port":""}
old
guid,code,msg,data 0
new
guid,code,msg,data 100209 with its error
new
{"type":1,"group":"g","ip":"","port":""}
00
