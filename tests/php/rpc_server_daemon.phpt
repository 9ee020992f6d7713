--TEST--
a server program as a daemon: pid files, reload by kill -USR1, stop by kill: recycled task workers survive the stop and hold the port (not here)
--FILE--
<?php
require __DIR__ . '/rpc_common.inc';

function code(string $version): string
{
    return strtr(<<<'PHP'
        echo "loading VERSION\n";
        class APIServer extends \DoraRPC\BackEndServer
        {
            function initServer($server) {}
            function initTask($server, $worker_id) { $this->mine = $server; }
            function doWork($param)
            {
                switch ($param['api']['name']) {
                    case 'reload':
                        return $this->mine->reload();
                    case 'shutdown':
                        return $this->mine->shutdown();
                    case 'sleep':
                        touch(__DIR__ . '/asleep');
                        usleep($param['api']['param']);
                        break;
                }
                return ['VERSION', getmypid()];
            }
        }
        $server = new APIServer('127.0.0.1', $argv[1], 0);
        $server->configure([
            'http' => ['task_worker_num' => 3, 'task_max_request' => 20, 'daemonize' => 1],
            'dora' => ['pid_path' => $folder, 'log_path' => "$folder/log/"],
        ])->start();
        echo "not reached in the process that started it\n";
        PHP, ['VERSION' => $version]);
}

$program = new Program(code('one'));
foreach (['doramaster', 'doramanager'] as $name) {
    file_put_contents("$program->folder/$name.pid", getmypid()); /* stale: nobody has locked it */
}
var_dump($program->start(['0']));
[$text, $status] = $program->wait();
echo preg_replace('/=\S+:\d+/', '=', $text), 'status ', $status, "\n";
$master = $program->pid();
var_dump($master === $program->pid('doramanager'), $master !== getmypid(), is_alive($master));
echo explode("\0", (string)file_get_contents("/proc/$master/cmdline"))[0], "\n";

$client = $program->client();
echo $client->call('/x')[0], "\n";

echo "a second one of the same folder\n";
$second = proc_open(php_command("$program->folder/server.php", '0'), [1 => ['pipe', 'w'], 2 => ['pipe', 'w']], $pipes);
preg_match('/belongs to process \d+, a server that runs/', stream_get_contents($pipes[2]), $match);
echo $match[0] ? preg_replace('/\d+/', 'N', $match[0]) : 'another error', "\n";
stream_get_contents($pipes[1]);
echo 'status ', proc_close($second), "\n";

echo "reload\n";
$program->write(code('two'));
$slow = proc_open(php_command('-r', "echo json_encode((new Dora\\Client('127.0.0.1:$program->port', ['timeout' => 10]))->call('sleep', 400000)[0]);"),
    [1 => ['pipe', 'w']], $slow_pipes);
until(fn() => file_exists("$program->folder/asleep"));
$program->kill('-USR1', 'doramanager');
var_dump(until(fn() => $client->call('/x')[0] === 'two'));
$versions = [];
foreach ($client->callMany(array_fill(0, 50, ['/x'])) as $result) {
    $versions[$result[0]] = true;
}
echo implode(' ', array_keys($versions)), ', the running call: ', stream_get_contents($slow_pipes[1]), "\n";
proc_close($slow);
$program->write(code('three'));
var_dump($client->call('reload'), until(fn() => $client->call('/x')[0] === 'three'));
$program->write('broken(;');
$refused = (new DoraRPC\Client(['g' => [['ip' => '127.0.0.1', 'port' => $program->port]]]))
    ->reloadServerTask('127.0.0.1', $program->port);
echo $refused['code'], strstr(strtok($refused['msg'], "\n"), ' ended'), "\n", strtok("\n"), "\n";
var_dump($client->call('/x')[0] === 'three');
$program->write(code('three'));
var_dump($program->pid() === $master);
var_dump(until(fn() => count(array_filter(family($master), fn($title) => str_contains($title, 'zygote'))) === 1));

echo "workers are recycled\n";
$pids = [];
var_dump(until(function () use (&$pids, $client) { // a worker serves until another one is there
    foreach ($client->callMany(array_fill(0, 40, ['/x'])) as $result) {
        $pids[$result[1]] = true;
    }
    return count($pids) > 3;
}));
$family = [];
until(function () use (&$family, $master) { // one may be between two of its workers
    $family = family($master);
    return str_contains(implode(' ', $family), 'dora: worker');
});
echo implode(' ', array_unique(array_map(fn($title) => preg_replace('/ \d+$/', '', $title), $family))), "\n";

echo "stop\n";
$program->kill('', 'doramaster');
var_dump(until(fn() => !is_alive($master)));
$left = array_filter(array_keys($family + array_flip(array_keys($pids))), is_alive(...));
var_dump($left, is_open_port($program->port), glob("$program->folder/*.pid"));

echo "again, on the same port; stopped by a task\n";
$port = (string)$program->port;
var_dump($program->start([$port]), (string)$program->port === $port);
$program->wait();
$master = $program->pid();
var_dump($program->client()->call('shutdown'), until(fn() => !is_alive($master)), glob("$program->folder/*.pid"));
echo trim($program->stderr()), "\n";
?>
--EXPECTF--
bool(true)
loading one
dora: ready tcp= http=
status 0
bool(true)
bool(true)
bool(true)
dora: master
one
a second one of the same folder
belongs to process N, a server that runs
status 1
reload
bool(true)
two, the running call: "one"
bool(true)
bool(true)
100209 ended (status 255) before its file came to the call that starts the server; what it printed is in the log, at the end:
%r(PHP )?Parse error: +%rsyntax error, unexpected token ";"%s
bool(true)
bool(true)
bool(true)
workers are recycled
bool(true)
dora: master dora: zygote task dora: worker task
stop
bool(true)
array(0) {
}
bool(false)
array(0) {
}
again, on the same port; stopped by a task
bool(true)
bool(true)
bool(true)
bool(true)
array(0) {
}
