--TEST--
a process that a handler forks is an ordinary one: its status, its end, no descriptor, none left
--EXTENSIONS--
pcntl
--FILE--
<?php
require __DIR__ . '/common.inc';

$folder = sys_get_temp_dir() . '/dora-fork-' . getmypid();
mkdir($folder);
$server = new Server(<<<'PHP'
    final class Said
    {
        public function __construct(private string $file) {}
        public function __destruct() { file_put_contents($this->file, 'destructor ', FILE_APPEND); }
    }
    $app = new Dora\App();
    $app->api('pid', fn() => getmypid());
    $app->api('end', function (array $param) {
        [$how, $file] = $param;
        $pid = pcntl_fork();
        if ($pid === 0) {
            register_shutdown_function(function () use ($file) { file_put_contents($file, 'shutdown ', FILE_APPEND); });
            $GLOBALS['said'] = new Said($file);
            match ($how) {
                'exit' => exit(7),
                'text' => exit("no good\n"),
                'raise' => throw new LogicException('of the child'),
                'fatal' => @trigger_error('of the child, too', E_USER_ERROR),
                'return' => null,
            };
            return 'child';
        }
        pcntl_waitpid($pid, $status);
        $said = @file_get_contents($file);
        @unlink($file);
        return [pcntl_wifexited($status) ? pcntl_wexitstatus($status) : -pcntl_wtermsig($status), $said];
    });
    $app->api('terminate', function () {
        $pid = pcntl_fork();
        if ($pid === 0) {
            sleep(600);
        }
        exec("kill $pid");
        pcntl_waitpid($pid, $status);
        return pcntl_wtermsig($status);
    });
    $app->api('look', function (string $file) {
        $pid = pcntl_fork();
        if ($pid === 0) {
            $fds = [];
            foreach (scandir('/proc/self/fd') as $fd) {
                $what = @readlink("/proc/self/fd/$fd");
                if ($what !== false && $fd > 2 && preg_match('/^(socket|anon_inode|.*memfd)/', $what)) {
                    $fds[] = $what;
                }
            }
            $title = rtrim(file_get_contents('/proc/self/cmdline'), "\0");
            $shared = preg_match('/dora-region/', file_get_contents('/proc/self/maps'));
            file_put_contents($file, serialize([$fds, $shared, $title]));
            exit(0);
        }
        pcntl_waitpid($pid, $status);
        return unserialize(file_get_contents($file));
    });
    $app->api('leave', function (string $file) {
        $pid = pcntl_fork();
        if ($pid === 0) {
            touch($file);
            sleep(600);
            exit(0);
        }
        while (!file_exists($file)) {
            usleep(10000);
            clearstatcache();
        }
        return $pid;
    });
    $app RUN;
PHP, ['workers' => 1]);

$client = $server->client();
$worker = $client->call('pid');
foreach (['exit', 'text', 'raise', 'fatal', 'return'] as $how) {
    echo $how, ' ', json_encode($client->call('end', [$how, "$folder/said"])), "\n";
}
var_dump($client->call('terminate') === SIGTERM);
[$fds, $shared, $title] = $client->call('look', "$folder/look");
$inherited = array_map(fn($fd) => @readlink("/proc/self/fd/$fd"), scandir('/proc/self/fd'));
echo json_encode([array_diff($fds, $inherited), $shared, preg_replace('/dora\w{6,}/', 'NAME', $title)]), "\n";

$count = fn() => count(scandir("/proc/$worker/fd"));
$before = $count();
$right = 0;
for ($i = 0; $i < 200; $i++) {
    [$how, $status] = [['exit', 7], ['raise', 255], ['return', 0]][$i % 3];
    $right += $client->call('end', [$how, "$folder/said"])[0] === $status;
}
var_dump($right, $count() === $before, $client->call('pid') === $worker);
var_dump(trim(file_get_contents("/proc/$worker/task/$worker/children")));

$lives = fn(int $left) => preg_match('/^State:\s+[^Z]/m', (string)@file_get_contents("/proc/$left/status"));
$left = $client->call('leave', "$folder/left");
var_dump($lives($left));
var_dump($server->stop());
var_dump($lives($left));
$log = $server->log();
var_dump(substr_count($log, 'no good'), substr_count($log, 'Uncaught LogicException: of the child') > 0);
var_dump(preg_match_all('/signal 11|SIGSEGV|Segmentation/', $log));
array_map(unlink(...), glob("$folder/*"));
rmdir($folder);
?>
--EXPECT--
exit [7,"shutdown destructor "]
text [0,"shutdown destructor "]
raise [255,"shutdown destructor "]
fatal [255,"shutdown "]
return [0,"shutdown destructor "]
bool(true)
[[],0,"dora: child NAME 0"]
int(200)
bool(true)
bool(true)
string(0) ""
int(1)
int(0)
int(0)
int(1)
bool(true)
int(0)
