--TEST--
the original's faults: exception with code 0 looks like success; the caller of a killed worker is never answered; a stuck task is never ended (not here)
--SKIPIF--
<?php
if (!getenv('DORA_BIN') || !is_executable(getenv('DORA_BIN'))) {
    die('skip DORA_BIN names no dora program');
}
?>
--FILE--
<?php
require __DIR__ . '/rpc_common.inc';

$code = <<<'PHP'
    class APIServer extends \DoraRPC\BackEndServer
    {
        public static $count = 0;
        function initServer($server) {}
        function initTask($server, $worker_id) { fwrite(STDERR, "initTask $worker_id\n"); }
        function doWork($param)
        {
            self::$count++;
            switch ($param['api']['name']) {
                case 'zero':
                    throw new \Exception('failed without a code');
                case 'notRun':
                    throw new \Exception('not really', 100203);
                case 'error':
                    return $undefined->method();
                case 'kill':
                    exec('kill -9 ' . getmypid());
                    sleep(10);
                case 'exit':
                    exit('bye');
                case 'fatal':
                    eval('class A { abstract function b(); }');
                case 'loop':
                    set_time_limit(1);
                    while (true);
                case 'stuck':
                    sleep(60);
                case 'ini':
                    ini_set('precision', '3');
                    ob_start();
                    echo 'in a buffer';
                    return ini_get('precision');
                case 'object':
                    return ['rows' => [new SplObjectStorage]];
            }
            return [self::$count, ini_get('precision'), ob_get_level()];
        }
    }
    $server = new APIServer('127.0.0.1', 0, 0);
    $server->configure(['http' => ['task_worker_num' => 1], 'dora' => ['pid_path' => $folder, 'log_path' => "$folder/log"]])->start();
    PHP;
$program = new Program($code);
var_dump($program->start());
$client = $program->client();

echo "an exception with code 0, or with one of the server's own\n";
$reply = $program->send('zero', null);
echo $reply['code'], ' ', $reply['data']['code'], ' ', $reply['data']['msg'], "\n";
foreach (['notRun', 'error', 'object'] as $name) {
    report(fn() => $client->call($name));
}

echo "one task leaves nothing for the next but statics\n";
report(fn() => $client->call('ini'));
report(fn() => $client->call('x'));

echo "killed workers: every caller is answered\n";
for ($i = 0; $i < 10; $i++) {
    $reply = $program->send('kill', null);
    echo $reply['data']['code'], $i < 9 ? ' ' : "\n";
}
foreach (['exit', 'fatal', 'loop'] as $name) {
    $reply = $program->send($name, null);
    echo $reply['data']['code'], ' ', preg_replace('/ in \/.*/', '', $reply['data']['msg']), "\n";
}
echo $client->call('x')[0], "\n";
$program->stop();
$lines = array_column($program->log(), 'm');
echo count(preg_grep('/initTask \d+$/', $lines)), " workers were started\n";
var_dump((bool)preg_grep('/^Exception: failed without a code$/', $lines));

echo "a server of another configuration, with a limit of time\n";
file_put_contents("$program->folder/dora.json", json_encode([
    'listen' => ['tcp' => '127.0.0.1:0'],
    'pools' => ['shop' => ['runtime' => 'php', 'app' => 'server.php', 'workers' => 1, 'time_limit_ms' => 1500]],
]));
$server = Server::of([getenv('DORA_BIN'), 'serve', '--config', "$program->folder/dora.json"], ['DORA_PHP' => PHP_BINARY]);
report(fn() => $server->client()->call('stuck'));
report(fn() => $server->client()->call('x')[0]);
echo $server->stop(), "\n";
var_dump(str_contains($server->log(), 'do not count: it was loaded by a server that has its own'));

echo "a program that does not start\n";
foreach (['initTask' => "throw new \\Exception('no database', 5);", 'initServer' => 'undefined_function();'] as $hook => $line) {
    $bad = new Program(preg_replace("/(function $hook\\([^)]*\\)) \\{.*\\}/", "$1 { $line }", $code));
    var_dump($bad->start());
    [$text, $status] = $bad->wait();
    preg_match('/(no database|Call to undefined function undefined_function\(\))/', $text . $bad->stderr(), $match);
    echo "$status $match[1]\n";
}
?>
--EXPECTF--
bool(true)
an exception with code 0, or with one of the server's own
0 100208 failed without a code (code 0)
Dora\HandlerException 100208: not really (code 100203)
Dora\HandlerException 100208: Call to a member function method() on null (code 0)
Dora\HandlerException 100208: $.rows[0]: no value on the wire for type SplObjectStorage
one task leaves nothing for the next but statics
"3"
[6,"14",0]
killed workers: every caller is answered
100200 100200 100200 100200 100200 100200 100200 100200 100200 100200
100200 exit() called in handler
100200 Class A %s abstract method%S
100200 Maximum execution time of 1 second exceeded
1
14 workers were started
bool(true)
a server of another configuration, with a limit of time
Dora\HandlerException 100201: the handler ran past its time limit; it was at server.php:%d in %s
2
0
bool(true)
a program that does not start
bool(false)
1 no database
bool(false)
255 Call to undefined function undefined_function()
