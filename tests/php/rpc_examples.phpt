--TEST--
examples/php/dorarpc/server.php: run by `php server.php`, asked by DoraRPC\Client, stopped by its pid file
--SKIPIF--
<?php
require __DIR__ . '/common.inc';
if (!is_file(root_dir() . '/examples/php/dorarpc/server.php')) {
    die('skip no sources');
}
?>
--FILE--
<?php
require __DIR__ . '/rpc_common.inc';

$example = file_get_contents(root_dir() . '/examples/php/dorarpc/server.php');
$program = new Program(substr($example, strlen('<?php')));
var_dump($program->start(['0', $program->folder]));
$client = new \DoraRPC\Client(['group1' => [['ip' => '127.0.0.1', 'port' => $program->port]]]);
$client->changeMode(['type' => 1, 'group' => 'group1']);
$reply = $client->singleAPI('/product/get', ['id' => 7]);
echo json_encode($reply['data']['data']['data']), "\n";
$reply = $client->multiAPI([
    'mine' => ['name' => '/product/get', 'param' => ['id' => 2]],
    'none' => ['name' => '/product/get', 'param' => ['id' => 99]],
    'other' => ['name' => '/no/such/api', 'param' => null],
    'who' => ['name' => '/product/whoami', 'param' => null],
]);
foreach ($reply['data']['data'] as $key => $one) {
    unset($one['data']['guid'], $one['data']['worker']);
    echo "$key: $one[code] $one[msg] ", json_encode($one['data']), "\n";
}
$program->kill('', 'doramaster');
[, $status] = $program->wait();
echo "status $status\n";
$records = array_map(fn($line) => json_decode($line, true), file("$program->folder/bizlog/biz.log"));
foreach ($records as $record) {
    if ($record['g'] === 'product') {
        echo $record['v'], ' ', basename($record['p']), ' ', json_encode($record['m']), "\n";
    }
}
echo count(array_filter($records, fn($record) => $record['g'] === 'init')), " workers were ready\n";
?>
--EXPECT--
bool(true)
{"id":7,"name":"Coffee mill","price":61}
mine: 0 OK {"id":2,"name":"Teapot","price":18.25}
none: 404 no such product []
other: 404 no api /no/such/api []
who: 0 OK {"type":"W_M"}
status 0
5 server.php {"missing":{"id":99}}
4 workers were ready
