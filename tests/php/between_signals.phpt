--TEST--
between tasks: a signal that a task blocked and that came meanwhile goes with the task, and kills no worker
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/between.inc';

$program = tempnam(sys_get_temp_dir(), 'dora');
rename($program, "$program.php");
file_put_contents("$program.php", <<<'PHP'
    <?php
    pcntl_signal(SIGUSR2, fn() => $GLOBALS['heard'] = true);
    $heard = false;
    $app = new Dora\App();
    $app->api('block', function (array $numbers) {
        pcntl_sigprocmask(SIG_BLOCK, $numbers);
        foreach ($numbers as $number) {
            posix_kill(getmypid(), $number);
        }
        return getmypid();
    });
    $app->api('left', function () {
        pcntl_sigprocmask(SIG_UNBLOCK, [SIGWINCH], $mask);
        pcntl_signal_dispatch();
        return [getmypid(), $mask, $GLOBALS['heard']];
    });
    $app->run(['port' => 0, 'workers' => 1]);
    PHP);
$server = Server::of(php_command(...module_options('posix'), ...["$program.php"]));
$client = $server->client();
$before = $client->call('left');
foreach ([[SIGALRM], [SIGVTALRM, SIGIO, SIGTERM, SIGUSR1, SIGUSR2], [40]] as $numbers) {
    var_dump($client->call('block', $numbers) === $before[0], $client->call('left') === $before);
}
var_dump($server->stop());
unlink("$program.php");
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
int(0)
