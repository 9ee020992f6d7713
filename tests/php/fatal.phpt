--TEST--
a fatal error, out of memory, exit(): 100200 with the reason, a new worker, nobody else notices
--SKIPIF--
<?php
if (getenv('USE_ZEND_ALLOC') === '0') {
    die('skip memory_limit needs the allocator that is off');
}
?>
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    ini_set('memory_limit', '64M');
    $app = new Dora\App();
    $app->workerStop(function () { fwrite(STDERR, "worker stops\n"); });
    $app->api('pid', fn() => getmypid());
    $app->api('oom', function () { $all = []; while (true) { $all[] = str_repeat('x', 1 << 20); } });
    $app->api('userProgress', function ($param, Dora\Request $request) {
        register_shutdown_function(function () use ($request) {
            $request->progress(1); // nobody hears it any more
            fwrite(STDERR, "all was told\n");
        });
        trigger_error('given up', E_USER_ERROR);
    });
    $app->api('oomResult', fn() => array_fill(0, 3000000, 1));
    $app->api('fatal', function () { eval('class A { abstract function b(); }'); });
    $app->api('userError', function () { trigger_error('given up', E_USER_ERROR); });
    $app->api('timeout', function () { set_time_limit(1); while (true); });
    $app->api('exit', function () { exit(3); });
    $app->api('die', function () { die("last words\n"); });
    $app->api('exitInFinally', function () { try { exit; } finally { $GLOBALS['finally'] = true; } });
    $app->api('exitInShutdown', function () { register_shutdown_function(fn() => exit(1)); return 'answered'; });
    $app->api('kill', function () { posix_kill_self(); });
    function posix_kill_self() { exec('kill -9 ' . getmypid()); }
    $app->api('segv', function () { exec('kill -SEGV ' . getmypid()); });
    $app RUN;
    PHP, ['workers' => 2]);
$client = $server->client();
foreach (['oom', 'userProgress', 'fatal', 'userError', 'timeout', 'exit', 'die', 'exitInFinally', 'exitInShutdown', 'kill', 'segv'] as $name) {
    $before = $client->call('pid');
    echo $name, ' ';
    report(fn() => $client->call($name));
    echo is_int($client->call('pid')) ? '' : "no answer after $name\n";
}
$pids = [];
for ($i = 0; $i < 50; $i++) {
    $pids[$client->call('pid')] = true;
}
var_dump(count($pids) <= 2);
$many = $client->callMany(['dead' => ['exit'], 'alive' => ['pid']]);
echo get_class($many['dead']), ' ', $many['dead']->getCode(), ' ', get_debug_type($many['alive']), "\n";
var_dump($server->stop());
$log = $server->log();
var_dump(str_contains($log, 'all was told'), str_contains($log, 'last words'), str_contains($log, 'Allowed memory size'), str_contains($log, 'worker stops'));
?>
--EXPECTF--
oom Dora\HandlerException 100200: Allowed memory size of 67108864 bytes exhausted%S (tried to allocate %d bytes) in %s.php:%d
userProgress Dora\HandlerException 100200: given up in %s.php:%d
fatal Dora\HandlerException 100200: Class A %s abstract method %s in %s eval()'d code:1
userError Dora\HandlerException 100200: given up in %s.php:%d
timeout Dora\HandlerException 100200: Maximum execution time of 1 second exceeded in %s.php:%d
exit Dora\HandlerException 100200: exit() called in handler
die Dora\HandlerException 100200: exit() called in handler
exitInFinally Dora\HandlerException 100200: exit() called in handler
exitInShutdown "answered"
kill Dora\HandlerException 100200: %s
segv Dora\HandlerException 100200: %s
bool(true)
Dora\HandlerException 100200 int
int(0)
bool(true)
bool(true)
bool(true)
bool(true)
