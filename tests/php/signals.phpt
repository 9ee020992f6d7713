--TEST--
a program's signal handlers are its own again once its server, or its monitor, has stopped
--EXTENSIONS--
pcntl
--FILE--
<?php
require __DIR__ . '/common.inc';

const MASTER = 'dora: master';

/** Runs a program until it has another name, stops it, and gives what it says afterwards. */
function stopped(string $name, string $code): string
{
    $file = tempnam(sys_get_temp_dir(), 'dora') . '.php';
    file_put_contents($file, <<<'PHP'
        <?php
        pcntl_async_signals(true);
        foreach ([SIGUSR1, SIGTERM, SIGPIPE] as $number) {
            pcntl_signal($number, function ($number) { echo "handler of $number\n"; });
        }

        PHP . $code . <<<'PHP'

        foreach ([SIGUSR1, SIGTERM, SIGPIPE] as $number) {
            exec("kill -$number " . getmypid());
        }
        PHP);
    $pipes = [1 => ['pipe', 'w'], 2 => ['file', '/dev/null', 'w']];
    $command = php_command($file);
    if (is_executable('/usr/bin/setpriv')) { // it ends with this test, whatever becomes of that
        array_unshift($command, '/usr/bin/setpriv', '--pdeathsig', 'KILL');
    }
    $process = proc_open($command, $pipes, $pipes);
    while (($state = proc_get_status($process))['running'] &&
        !str_starts_with(file_get_contents("/proc/$state[pid]/cmdline"), $name)) {
        usleep(10000);
    }
    if ($name === MASTER) {
        fgets($pipes[1]); // it is ready
    }
    proc_terminate($process);
    $said = stream_get_contents($pipes[1]);
    $status = $state['running'] ? proc_close($process) : $state['exitcode'];
    unlink($file);
    unlink(substr($file, 0, -4));
    return "status $status\n$said";
}

echo stopped(MASTER, '(new Dora\App())->api("x", fn () => 1)->run(["port" => 0, "workers" => 1]);');
$options = var_export([
    'discovery' => [['ip' => '127.0.0.1', 'port' => 1]],
    'config' => sys_get_temp_dir() . '/dora-signals-' . getmypid() . '.json',
], true);
echo stopped('dora: monitor service',
    "(new DoraRPC\Monitor('127.0.0.1', 0, $options))->start();");
?>
--EXPECT--
status 0
handler of 10
handler of 15
handler of 13
status 0
handler of 10
handler of 15
handler of 13
