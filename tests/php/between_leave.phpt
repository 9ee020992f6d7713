--TEST--
between tasks: what cannot be undone makes the worker leave, after its reply, with a line that names it
--FILE--
<?php
require __DIR__ . '/between.inc';

$program = tempnam(sys_get_temp_dir(), 'dora');
rename($program, "$program.php");
file_put_contents("$program.php", <<<'PHP'
    <?php
    $app = new Dora\App();
    $app->api('pid', fn() => getmypid());
    $app->api('leave', function () { posix_setrlimit(POSIX_RLIMIT_NOFILE, 60, 60); return getmypid(); });
    $app->run(['port' => 0, 'workers' => 1]);
    PHP);
$server = Server::of(php_command(...module_options('posix'), ...["$program.php"]));
$client = $server->client();
$pids = [$client->call('pid'), $client->call('pid'), $client->call('leave'), $client->call('pid')];
var_dump($pids[0] === $pids[1], $pids[1] === $pids[2], $pids[2] !== $pids[3]);
var_dump($server->stop());
preg_match('/a task called .*/', $server->log(), $line);
echo $line[0] ?? $server->log(), "\n";
unlink("$program.php");
?>
--SKIPIF--
<?php
if (!extension_loaded('posix') && !is_file(ini_get('extension_dir') . '/posix.so')) {
    die('skip posix is not there');
}
if (PHP_VERSION_ID < 80300 && !function_exists('posix_setrlimit') && !defined('POSIX_RLIMIT_NOFILE')
    && extension_loaded('posix')) {
    die('skip posix_setrlimit() is not there');
}
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
int(0)
a task called posix_setrlimit(), which cannot be undone: the worker leaves
