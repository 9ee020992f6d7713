--TEST--
settings of the original: refused ones are named, those without a meaning are listed, the others count
--FILE--
<?php
require __DIR__ . '/rpc_common.inc';

const EMPTY_CLASS = <<<'PHP'
    class S extends \DoraRPC\BackEndServer
    {
        PROPERTIES
        function initServer($server) {}
        function initTask($server, $worker_id) {}
        function doWork($param) { return [$param['api']['param'], getmypid()]; }
    }
    $config = CONFIG + ['dora' => []];
    $config['dora'] += ['pid_path' => $folder, 'log_path' => "$folder/log/deep"];
    $server = new S('127.0.0.1', PORT, 0);
    $server->configure($config)->start();
    PHP;

function program(string $config, string $properties = '', string $port = '0'): Program
{
    return new Program(strtr(EMPTY_CLASS, ['CONFIG' => $config, 'PROPERTIES' => $properties, 'PORT' => $port]));
}

function refused(string $config, string $properties = '', string $port = '0'): void
{
    $program = program($config, $properties, $port);
    if ($program->start()) {
        echo "it started: $config\n";
        $program->stop();
        return;
    }
    [$text, $status] = $program->wait();
    preg_match('/(Uncaught (?:\S+: ){1,2}.*?) in \//', $text, $match);
    echo $match[1] ?? "$text{$program->stderr()}", " ($status)\n";
}

echo "refused\n";
refused("['http' => ['task_worker_num' => 'many']]");
refused("['http' => ['backlog' => [3000]]]");
refused("['http' => ['daemonize' => ['yes']]]");
refused("['http' => ['dispatch_mode' => 2.5]]");
refused("['dora' => ['log_path' => '/dev/null/log']]");
refused("['dora' => ['pid_path' => '/no/such/folder']]");
refused("['dora' => ['master_pid' => '']]");
refused("['http' => 1]");
refused('[]', 'protected $tcpConfig = 5;');
refused('[]', '', '"x"');
refused('[]', '', '65536');

echo "listed, and at their bounds\n";
$program = program("['http' => ['task_worker_num' => '2', 'task_max_request' => 0, 'open_cpu_affinity' => false, 'task_tmpdir' => '/x/',
    'worker_nums' => 3, 'package_max_length' => 64 * 1024 * 1024, 'reactor_num' => 1.0, 'log_file' => null],
    'tcp' => ['backlog' => 1, 5 => 6], 'udp' => ['a' => 1]]", 'protected $doraConfig = ["log_dump_type" => "file", "log_level" => 9];');
var_dump($program->start());
$long = str_repeat('x', 3000000);
var_dump($program->send('/any', $long)['data']['data'][0] === $long);
$pids = [];
until(function () use ($program, &$pids) {
    foreach ($program->client()->callMany(array_fill(0, 40, ['pid'])) as $one) {
        $pids[$one[1]] = true;
    }
    return count($pids) >= 1;
});
var_dump(count($pids) <= 2);
$program->stop();
foreach (file("$program->folder/log/deep/biz.log") as $line) {
    $record = json_decode($line, true);
    echo $record['g'] === 'server' ? "$record[v] $record[m]\n" : '';
}

echo "what Swoole took: the nearest that is possible, with one warning\n";
$program = program("['http' => ['task_worker_num' => 0, 'task_max_request' => -1, 'reactor_num' => 128, 'log_file' => '', 'daemonize' => '0',
    'user' => 'www', 'group' => 'www', 'heartbeat_idle_time' => 86401], 'tcp' => ['package_max_length' => 1 << 30], 'dora' => ['log_level' => 10, 'control_allow' => []]]");
var_dump($program->start());
echo $program->client()->call('/x', 5)[0], "\n";
$program->stop();
foreach (file("$program->folder/log/deep/biz.log") as $line) {
    $record = json_decode($line, true);
    echo $record['g'] === 'server' ? "$record[v] $record[m]\n" : '';
}

echo "nothing to say\n";
$program = program('[]');
var_dump($program->start());
$program->stop();
var_dump(str_contains(file_get_contents("$program->folder/log/deep/biz.log"), '"g":"server"'));

echo "signed and compressed by php.ini\n";
$program = program("['http' => ['task_worker_num' => 1]]");
var_dump($program->start([], ['-d', 'dora.sign=1', '-d', 'dora.gzip=on', '-d', 'dora.salt=pepper']));
report(fn() => $program->client(['sign' => true, 'gzip' => true, 'salt' => 'pepper'])->call('/x', 5)[0]);
report(fn() => $program->client(['sign' => true, 'gzip' => true])->call('/x', 5)[0]);
$program->stop();

echo "used wrongly\n";
$class = 'class S extends DoraRPC\\BackEndServer { function initServer($s) {} function initTask($s, $i) {} function doWork($p) {} }';
$process = proc_open(php_command('-r', "$class (new S())->start();"), [1 => ['pipe', 'w'], 2 => ['pipe', 'w']], $pipes);
preg_match('/Uncaught (.*) in Command/', stream_get_contents($pipes[1]), $match);
echo $match[1] ?? 'nothing', ' (', proc_close($process), ")\n";
abstract class Half extends \DoraRPC\BackEndServer
{
    function initServer($server)
    {
        echo get_class($server), ' ', $server->worker_id, ' ', $server->master_pid, ' ', json_encode($server->stats()), "\n";
        report(fn() => $server->reload());
        report(fn() => clone $server);
        $this->own = 1;
    }
    function initTask($server, $worker_id) {}
    function doWork($param) {}
}
final class Whole extends Half
{
    function twice() { parent::__construct(); }
    function address() { return $this->getLocalIp(); }
}
report(fn() => new \DoraRPC\BackEndServer());
report(fn() => (new ReflectionClass('Whole'))->newInstanceWithoutConstructor()->start());
$whole = new Whole();
report(fn() => $whole->twice());
report(fn() => clone $whole);
report(fn() => serialize($whole));
report(fn() => $whole->address() === (new \DoraRPC\Common)->getLocalIp());
report(fn() => $whole->configure(['tcp' => null]));
?>
--EXPECTF--
refused
Uncaught TypeError: http setting "task_worker_num" must be a whole number, not string (255)
Uncaught TypeError: http setting "backlog" must be a whole number, not array (255)
Uncaught TypeError: http setting "daemonize" must be true or false, not array (255)
Uncaught TypeError: http setting "dispatch_mode" must be a whole number, not float (255)
Uncaught Dora\Exception: dora setting "log_path": /dev/null/log: Not a directory (255)
Uncaught Dora\Exception: dora setting "pid_path": /no/such/folder: No such file or directory (255)
Uncaught TypeError: dora setting "master_pid" must be a string that is not empty, without NUL bytes, not string (255)
Uncaught TypeError: DoraRPC\BackEndServer::configure(): Argument #1 ($config) must have an array as "http", not int (255)
Uncaught TypeError: S::$tcpConfig must be an array, not int (255)
Uncaught TypeError: DoraRPC\BackEndServer::__construct(): Argument #2 ($port) must be a port number, not string (255)
Uncaught ValueError: DoraRPC\BackEndServer::__construct(): Argument #2 ($port) must be from 0 to 65535, not 65536 (255)
listed, and at their bounds
bool(true)
bool(true)
bool(true)
1 settings that mean nothing here: http.open_cpu_affinity, http.task_tmpdir, dora.log_dump_type
3 warning: settings that nobody knows: http.worker_nums, tcp.(a number), udp
what Swoole took: the nearest that is possible, with one warning
bool(true)
5
1 settings that mean nothing here: http.log_file, http.user, http.group
3 warning: settings beyond what is possible here: http.heartbeat_idle_time 86401 is taken for 86400, http.task_worker_num 0 is taken for 1, http.task_max_request -1 is taken for 0, http.reactor_num 128 is taken for 64, tcp.package_max_length 1073741824 is taken for 67108864, dora.log_level 10 is taken for 9
nothing to say
bool(true)
bool(false)
signed and compressed by php.ini
bool(true)
5
Dora\Exception 100005: reply: signature is wrong
used wrongly
Dora\Exception: DoraRPC\BackEndServer::start() needs a file that can be run again: `php FILE` (255)
Error 0: Cannot instantiate abstract class DoraRPC\BackEndServer
Error 0: the constructor of DoraRPC\BackEndServer did not run
DoraRPC\RunningServer -1 0 false
Dora\Exception 0: the server does not run yet: call this in initTask() or doWork()
Error 0: Trying to clone an uncloneable object of class DoraRPC\RunningServer
Error 0: a server is made once
Error 0: Trying to clone an uncloneable object of class Whole
Exception 0: Serialization of 'Whole' is not allowed
true
TypeError 0: DoraRPC\BackEndServer::configure(): Argument #1 ($config) must have an array as "tcp", not null
