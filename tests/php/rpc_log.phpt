--TEST--
LogAgent: records in biz.log (the original's logs were never written), levels, and without a server
--INI--
error_log=
--FILE--
<?php
require __DIR__ . '/rpc_common.inc';

use DoraRPC\LogAgent;

$program = new Program(<<<'PHP'
    use DoraRPC\LogAgent;
    class S extends \DoraRPC\BackEndServer
    {
        function initServer($server) {}
        function initTask($server, $worker_id) { LogAgent::recordLog(4, 'init', 'f', 1, "worker $worker_id"); }
        function doWork($param)
        {
            [$name, $param] = [$param['api']['name'], $param['api']['param']];
            if ($name === 'log') {
                return LogAgent::recordLog(...$param);
            } elseif ($name === 'level') {
                return LogAgent::setLogLevel($param);
            } elseif ($name === 'exception') {
                return LogAgent::recordLog(7, 'e', __FILE__, __LINE__, new \RuntimeException('lost'));
            } elseif ($name === 'object') {
                return LogAgent::recordLog(4, 'o', __FILE__, __LINE__, new \ArrayObject(['x' => 1]));
            } elseif ($name === 'recursion') {
                $all = ['a' => 1];
                $all['self'] = &$all;
                return LogAgent::recordLog(4, 'r', __FILE__, __LINE__, $all);
            }
            return LogAgent::getQueueStat();
        }
    }
    $s = new S('127.0.0.1', 0, 0);
    $s->configure(['http' => ['task_worker_num' => 1], 'dora' => ['pid_path' => $folder, 'log_path' => "$folder/log"]])->start();
    PHP);
var_dump($program->start());
$client = $program->client();
$values = ['a text "quoted"', ['a' => 1, 'b' => [true, null]], [], 7, 1.0, null, true, "two\nlines", "\xff", str_repeat('x', 40000),
    [str_repeat('y', 40000)]];
foreach ($values as $value) {
    $client->call('log', [3, 'value', '/app/a.php', 17, $value]);
}
foreach (['exception', 'object', 'recursion'] as $name) {
    $client->call($name);
}
$client->call('log', ['4', 12, null, '9', 'odd types']);
$client->call('log', [0, 'low', '', -1, 'below 1']);
for ($level = 1; $level <= 9; $level++) {
    $client->call('log', [$level, 'default', '', 0, $level]);
}
foreach ([9, 2] as $set) {
    $client->call('level', $set);
    for ($level = 1; $level <= 9; $level++) {
        $client->call('log', [$level, "set $set", '', 0, $level]);
    }
}
report(fn() => $client->call('level', 10));
report(fn() => $client->call('stat'));
$program->stop();

foreach ($program->log('value') as $i => $record) {
    $is_same = $record['m'] === $values[$i];
    echo $i, ' ', $record['v'], ' ', $record['p'], ':', $record['l'], ' ', $is_same ? 'as it was' : gettype($record['m']), "\n";
}
$record = $program->log('init')[0];
echo implode(' ', array_slice(array_keys($record), 0, 6)), ' ', $record['m'], "\n";
var_dump(is_float($record['e']) && abs($record['e'] - time()) < 60);
echo strtok($program->log('e')[0]['m'], "\n"), "\n";
echo json_encode($program->log('o')[0]['m']), ' ', $program->log('r')[0]['m']['a'], "\n";
echo json_encode(array_slice($program->log('12')[0], 2, 4)), ' ', $program->log('low')[0]['v'], "\n";
foreach (['default', 'set 9', 'set 2'] as $tag) {
    echo $tag, ': ', implode(' ', array_column($program->log($tag), 'm')), "\n";
}
echo count(array_filter($program->log(), fn($record) => isset($record['bad']))), " lines that are no JSON\n";

echo "without a server\n";
$code = <<<'PHP'
    use DoraRPC\LogAgent;
    LogAgent::init('/tmp/x', null);
    LogAgent::recordLog(3, 'tag', 'f.php', 5, ['a' => 'ü']);
    LogAgent::recordLog(8, 'tag', 'f.php', 5, 'dropped');
    LogAgent::recordLog(6, 'tag', 'f.php', 5, 'kept');
    LogAgent::setLogLevel(9);
    LogAgent::recordLog(8, 'tag', 'f.php', 5, "now \xff");
    echo json_encode(LogAgent::getQueueStat()), "\n";
    PHP;
$process = proc_open(php_command('-r', $code), [1 => ['pipe', 'w'], 2 => ['pipe', 'w']], $pipes);
echo stream_get_contents($pipes[1]), preg_replace('/"e":\d+\.\d{6},/', '"e":0,', stream_get_contents($pipes[2]));
proc_close($process);
report(fn() => LogAgent::setLogLevel(0));
report(fn() => LogAgent::setLogLevel(10));
?>
--EXPECTF--
bool(true)
Dora\HandlerException 100208: DoraRPC\LogAgent::setLogLevel(): Argument #1 ($level) must be from 1 to 9, not 10 (code 0)
{"queue_num":0,"queue_bytes":0}
0 3 /app/a.php:17 as it was
1 3 /app/a.php:17 as it was
2 3 /app/a.php:17 as it was
3 3 /app/a.php:17 as it was
4 3 /app/a.php:17 as it was
5 3 /app/a.php:17 as it was
6 3 /app/a.php:17 as it was
7 3 /app/a.php:17 as it was
8 3 /app/a.php:17 string
9 3 /app/a.php:17 string
10 3 /app/a.php:17 string
v e g p l m worker 40
bool(true)
RuntimeException: lost in %s/server.php:16
{"x":1} 1
{"g":"12","p":"","l":9,"m":"odd types"} 1
default: 1 2 3 4 5 6 7
set 9: 1 2 3 4 5 6 7 8 9
set 2: 1 2 5 6 7
0 lines that are no JSON
without a server
{"queue_num":0,"queue_bytes":0}
{"v":3,"e":0,"g":"tag","p":"f.php","l":5,"m":{"a":"ü"}}
{"v":6,"e":0,"g":"tag","p":"f.php","l":5,"m":"kept"}
{"v":8,"e":0,"g":"tag","p":"f.php","l":5,"m":"now �"}
null
ValueError 0: DoraRPC\LogAgent::setLogLevel(): Argument #1 ($level) must be from 1 to 9, not 10
