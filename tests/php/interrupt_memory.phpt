--TEST--
10,000 calls whose wait a signal's handler interrupts leave memory flat
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/memory.inc';

$server = new Server('$app = new Dora\App(); $app->api("wait", fn() => usleep(300)); $app->fallback(fn($param) => $param); $app RUN;');
$client = $server->client();
pcntl_async_signals(true);
$handled = 0;
$is_caught = false;
pcntl_signal(SIGUSR1, function () use ($client, &$handled, &$is_caught) {
    if (++$handled % 2 === 0) {
        $client->call('x', str_repeat('y', 100));
        if ($is_caught) { // elsewhere nobody would
            $is_caught = false;
            throw new LogicException('stop');
        }
    }
});
// Signals come while calls wait: as fast as another process can send them.
$sender = proc_open(['sh', '-c', 'while kill -USR1 ' . getmypid() . ' 2>/dev/null; do sleep 0.001; done'], [], $pipes);
watch_memory(20, function () use ($client, &$is_caught): void {
    for ($i = 0; $i < 20; $i++) {
        try {
            $is_caught = true;
            $client->call('wait', $i);
            $is_caught = false;
        } catch (LogicException) {
        }
    }
}, 10000);
proc_terminate($sender);
echo $handled > 100 ? "handled\n" : "handled only $handled\n";
?>
--EXPECT--
PHP's memory is flat
all memory is flat
few descriptors
handled
