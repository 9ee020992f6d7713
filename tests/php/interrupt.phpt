--TEST--
an asynchronous signal's handler runs while a call waits: it may let it go on, end it, or call itself
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/common.inc';

$folder = sys_get_temp_dir() . '/dora-interrupt-' . getmypid();
mkdir($folder);
$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->api('wait', function (string $file) {
        touch("$file.begun");
        for ($end = microtime(true) + 20; !file_exists("$file.release") && microtime(true) < $end; usleep(2000));
        return file_exists("$file.release") ? 'released' : 'late';
    })->fallback(fn($param) => $param) RUN;
    PHP, ['workers' => 4]);

/** Runs a program that waits for a reply, has it get a signal meanwhile, and says what it said. */
function interrupted(string $code, int $number = SIGUSR1, bool $goes_on = false): string
{
    global $folder, $server;
    static $count = 0;
    $file = "$folder/" . ++$count;
    file_put_contents("$file.php", <<<'PHP'
        <?php
        [, $port, $file] = $argv;
        pcntl_signal(SIGINT, SIG_DFL);
        $client = new Dora\Client("127.0.0.1:$port", ['timeout' => 15]);
        $old = new DoraRPC\Client(['g' => [['ip' => '127.0.0.1', 'port' => $port]]]);
        $old->changeMode(['type' => 1, 'group' => 'g']);
        ini_set('dora.timeout', 15);
        function handler(callable $handler): void
        {
            global $file;
            pcntl_async_signals(true);
            pcntl_signal(SIGUSR1, function () use ($handler, $file) {
                touch("$file.handled");
                $handler();
            });
        }

        PHP . $code);
    $command = php_command('-d', 'display_errors=1', '-d', 'html_errors=0', '-d', 'fatal_error_backtraces=0',
        "$file.php", (string)$server->port, $file);
    $process = proc_open($command, [1 => ['pipe', 'w'], 2 => ['file', '/dev/null', 'w']], $pipes);
    until("$file.begun");
    proc_terminate($process, $number);
    if ($goes_on) {
        until("$file.handled"); // while the call waits: nobody has released it
        touch("$file.release");
    }
    $begin = microtime(true);
    $said = stream_get_contents($pipes[1]);
    $said .= microtime(true) - $begin < 10 ? '' : "it took its whole time\n";
    do {
        $state = proc_get_status($process);
    } while ($state['running'] && usleep(2000) === null);
    proc_close($process);
    touch("$file.release");
    return $said . ($state['signaled'] ? "signal $state[termsig]" : "status $state[exitcode]") . "\n";
}

function until(string $file): void
{
    for ($end = microtime(true) + 20; !file_exists($file); usleep(2000)) {
        if (microtime(true) > $end) {
            die("no $file\n");
        }
    }
}

echo "it goes on\n";
echo interrupted('handler(fn() => print("handled\n")); echo $client->call("wait", $file), "\n";', goes_on: true);
echo interrupted('handler(fn() => print("handled\n")); echo $old->singleAPI("wait", $file)["data"]["data"]["data"], "\n";', goes_on: true);

echo "the handler calls\n";
echo interrupted(<<<'PHP'
    handler(function () {
        global $client;
        echo json_encode([$client->call('x', 'inner'), $client->callMany(['a' => ['x', str_repeat('y', 10)]])]), "\n";
    });
    echo json_encode($client->callMany(['w' => ['wait', $file], 'x' => ['x', 'outer']])), "\n";
    PHP, goes_on: true);

echo "it throws\n";
$calls = [
    '$client->call("wait", $file);',
    '$client->callMany(["w" => ["wait", $file]]);',
    '$client->submit("wait", $file); $client->collect();',
    '$client->collect([$client->submit("wait", $file)]);',
    '$client->result($client->submit("wait", $file));',
    '$old->singleAPI("wait", $file);',
    '$old->multiAPI(["w" => ["name" => "wait", "param" => $file]]);',
    '$old->singleAPI("wait", $file, DoraRPC\DoraConst::SW_MODE_ASYNCRESULT); $old->getAsyncData();',
];
foreach ($calls as $call) {
    echo interrupted("handler(fn() => throw new LogicException('stop'));
        try { $call echo 'not interrupted'; } catch (LogicException \$error) { echo \$error->getMessage(); }
        echo ' ', json_encode([\$client->call('x', 'after'), \$old->singleAPI('x', 'after')['data']['data']['data']]), ' ';");
}

echo "it ends the program\n";
echo interrupted('handler(fn() => exit(3)); $client->call("wait", $file);');
echo preg_replace('/ in .*/', '', trim(interrupted(
    'handler(fn() => @trigger_error("fatal", E_USER_ERROR)); $client->call("wait", $file);'))), "\n";
echo interrupted('$client->call("wait", $file);', SIGINT);
/* The time of a process that waits stands still, so the signal at its end is sent here; but some PHPs
 * count by the clock, and take no signal for it from elsewhere. */
ob_start();
phpinfo(INFO_GENERAL);
$by_clock = (bool)preg_match('/^Zend Max Execution Timers => enabled$/m', ob_get_clean());
$limit = $by_clock ? 'set_time_limit(3);' : 'set_time_limit(9);';
echo preg_replace(['/ in .*/', '/ of [39] seconds/'], '',
    trim(interrupted("$limit \$client->call('wait', \$file);", $by_clock ? 0 : SIGPROF))), "\n";

var_dump($server->stop());
foreach (glob("$folder/*") as $file) {
    unlink($file);
}
rmdir($folder);
?>
--EXPECT--
it goes on
handled
released
status 0
handled
released
status 0
the handler calls
["inner",{"a":"yyyyyyyyyy"}]
{"w":"released","x":"outer"}
status 0
it throws
stop ["after","after"] status 0
stop ["after","after"] status 0
stop ["after","after"] status 0
stop ["after","after"] status 0
stop ["after","after"] status 0
stop ["after","after"] status 0
stop ["after","after"] status 0
stop ["after","after"] status 0
it ends the program
status 3
Fatal error: fatal
status 255
signal 2
Fatal error: Maximum execution time exceeded
status 255
int(0)
