--TEST--
between tasks: what callbacks and destructors throw or do while a task's state is put back does not stay
--EXTENSIONS--
pcntl
session
--FILE--
<?php
require __DIR__ . '/common.inc';

$folder = sys_get_temp_dir() . '/dora-destructors-' . getmypid();
mkdir($folder);
$server = new Server(strtr(<<<'PHP'
    final class End
    {
        public function __construct(private Closure $does) {}
        public function __destruct() { ($this->does)(); }
    }
    function loader(Closure $does): Closure
    {
        $end = new End($does);
        return function () use ($end) {};
    }
    function again(int $left): Closure { return loader(fn() => $left > 0 && spl_autoload_register(again($left - 1))); }
    ini_set('session.save_path', 'FOLDER');
    $app = new Dora\App();
    $app->api('session', function () { session_id('first'); return session_start(); });
    $app->api('throwingOutput', function () {
        ob_start(fn() => throw new LogicException('thrown by the output'));
        return session_start();
    });
    $app->api('throwingContext', function () {
        $end = new End(fn() => throw new LogicException('thrown by the context'));
        stream_context_set_default(['http' => ['end' => $end]]);
        spl_autoload_register(fn() => null);
        putenv('LEFT=1');
        return true;
    });
    $app->api('signal', function () {
        spl_autoload_register(loader(function () {
            pcntl_signal(SIGUSR1, fn() => null);
            putenv('LEFT=2');
            session_id('second');
            session_start();
        }));
        return true;
    });
    $app->api('again', function ($times) { spl_autoload_register(again($times)); return true; });
    $app->api('left', fn() => [session_status() === PHP_SESSION_ACTIVE, session_id(), count(spl_autoload_functions()),
        getenv('LEFT'), is_int(pcntl_signal_get_handler(SIGUSR1))]);
    $app->api('pid', getmypid(...)) RUN;
    PHP, ['FOLDER' => $folder]), ['workers' => 1]);
$client = $server->client();
$before = $client->call('left');
$pid = $client->call('pid');
foreach (['throwingOutput', 'session', 'session', 'throwingContext', 'signal', 'signal'] as $name) {
    $called = $client->call($name);
    $left = $client->call('left');
    echo $name, $called === true && $left === $before ? " leaves nothing\n" : json_encode([$called, $left]) . "\n";
}
var_dump($client->call('pid') === $pid);
var_dump($client->call('again', 5), $client->call('left') === $before, $client->call('pid') === $pid);
var_dump($client->call('again', 50));
var_dump($client->call('pid') !== $pid, $client->call('left') === $before, $server->stop());
foreach (['thrown by the output', 'thrown by the context', 'change more each time it is put back: the worker leaves'] as $line) {
    echo substr_count($server->log(), $line), " $line\n";
}
array_map(unlink(...), glob("$folder/*"));
rmdir($folder);
?>
--EXPECT--
throwingOutput leaves nothing
session leaves nothing
session leaves nothing
throwingContext leaves nothing
signal leaves nothing
signal leaves nothing
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
int(0)
1 thrown by the output
1 thrown by the context
1 change more each time it is put back: the worker leaves
