--TEST--
open_basedir and disable_functions hold for the files and processes of Dora, too
--FILE--
<?php
require __DIR__ . '/common.inc';

/** Runs code under the settings of php.ini. The folder's name is left out of what it says. */
function under(array $settings, string $code): void
{
    global $top;
    $file = "$top/in/program.php";
    file_put_contents($file, '<?php require ' . var_export("$top/in/common.inc", true) . ";\n$code");
    $command = php_command();
    foreach ($settings as $setting) {
        array_push($command, '-d', $setting);
    }
    $command[] = $file;
    $handle = proc_open($command, [1 => ['pipe', 'w'], 2 => ['redirect', 1]], $pipes, "$top/in");
    echo str_replace($top, 'TOP', stream_get_contents($pipes[1]));
    $status = proc_close($handle);
    echo $status !== 0 ? "status $status\n" : '';
}

$top = sys_get_temp_dir() . '/dora-policy-' . getmypid();
mkdir("$top/in", 0777, true);
copy(__DIR__ . '/common.inc', "$top/in/common.inc");
file_put_contents("$top/secret", "root:\$6\$hash\n");
file_put_contents("$top/in/nodes.json", '{"g": {"n": {"ip": "127.0.0.1", "port": 1}}}');
symlink("$top/secret", "$top/in/link");
symlink("$top/in/nodes.json", "$top/in/moves");
$inside = ["open_basedir=$top/in"];

echo "-- a client's node file\n";
under($inside, <<<'PHP'
foreach (['nodes.json', __DIR__ . '/nodes.json', __DIR__ . '/../secret', '../secret', 'link',
          'absent.json', '/etc/absent'] as $path) {
    report(fn () => new Dora\Client("file:$path"));
    report(fn () => new Dora\Client(["  file:$path"]));
}
report(fn () => (new Dora\Client('file:nodes.json', ['timeout' => 10]))->call('x'));
PHP);

echo "-- one that is another file later\n";
under($inside, <<<'PHP'
$client = new Dora\Client('file:moves', ['timeout' => 10]);
report(fn () => $client->call('x'));
exec('ln -sfn ../secret moves');
report(fn () => $client->call('x'));
report(fn () => $client->submit('x'));
report(fn () => $client->callMany(['a' => ['x']]));
PHP);

echo "-- it stays the same after chdir()\n";
under([], <<<'PHP'
$client = new Dora\Client('file:nodes.json', ['timeout' => 10]);
chdir('/');
report(fn () => $client->call('x'));
PHP);

echo "-- without it: nothing of a file is shown that is no node file\n";
under([], <<<'PHP'
report(fn () => (new Dora\Client('file:../secret', ['timeout' => 10]))->call('x'));
PHP);

echo "-- a server's files\n";
$app = '$app = new Dora\App(); $app->api("x", fn () => 1);';
under($inside, "$app report(fn () => \$app->run(['port' => 0, 'config' => '$top/secret']));");
foreach (['{"log": {"file": "../log"}}', '{"pid_file": "../pid"}',
          '{"pools": {"p": {"runtime": "php", "app": "../other.php"}}}'] as $json) {
    file_put_contents("$top/in/config.json", $json);
    under($inside, "$app report(fn () => \$app->run(['port' => 0, 'config' => 'config.json']));");
}
under($inside, <<<'PHP'
class Back extends DoraRPC\BackEndServer
{
    public function initServer($server) {}
    public function initTask($server, $id) {}
    public function doWork($param) {}
}
$back = new Back('127.0.0.1', 0, 0);
$back->configure(['dora' => ['log_path' => dirname(__DIR__) . '/log/', 'pid_path' => __DIR__]]);
report(fn () => $back->start());
$back->configure(['dora' => ['log_path' => __DIR__, 'pid_path' => dirname(__DIR__)]]);
report(fn () => $back->start());
PHP);

echo "-- the monitor's\n";
under($inside, <<<'PHP'
$redis = [['ip' => '127.0.0.1', 'port' => 1]];
$monitor = fn ($path, $log) => new DoraRPC\Monitor('127.0.0.1', 0, ['discovery' => $redis,
    'config' => $path, 'log' => ['log_path' => $log]]);
report(fn () => $monitor('../nodes.php', __DIR__)->start());
report(fn () => $monitor('nodes.php', '..')->start());
PHP);

echo "-- processes\n";
under(['disable_functions=exec,proc_open'], "$app report(fn () => \$app->run(['port' => 0]));");

var_dump(array_values(array_diff(scandir($top), ['.', '..'])));
array_map(unlink(...), glob("$top/in/*"));
unlink("$top/secret");
rmdir("$top/in");
rmdir($top);
?>
--EXPECT--
-- a client's node file
Dora\Client
Dora\Client
Dora\Client
Dora\Client
Dora\Exception 0: open_basedir restriction in effect: TOP/secret is not within the allowed path(s): TOP/in
Dora\Exception 0: open_basedir restriction in effect: TOP/secret is not within the allowed path(s): TOP/in
Dora\Exception 0: open_basedir restriction in effect: TOP/secret is not within the allowed path(s): TOP/in
Dora\Exception 0: open_basedir restriction in effect: TOP/secret is not within the allowed path(s): TOP/in
Dora\Exception 0: open_basedir restriction in effect: TOP/in/link is not within the allowed path(s): TOP/in
Dora\Exception 0: open_basedir restriction in effect: TOP/in/link is not within the allowed path(s): TOP/in
Dora\Client
Dora\Client
Dora\Exception 0: open_basedir restriction in effect: /etc/absent is not within the allowed path(s): TOP/in
Dora\Exception 0: open_basedir restriction in effect: /etc/absent is not within the allowed path(s): TOP/in
Dora\ConnectionException 100010: cannot connect to 127.0.0.1:1: Connection refused
-- one that is another file later
Dora\ConnectionException 100010: cannot connect to 127.0.0.1:1: Connection refused
Dora\Exception 0: open_basedir restriction in effect: TOP/in/moves is not within the allowed path(s): TOP/in
Dora\Exception 0: open_basedir restriction in effect: TOP/in/moves is not within the allowed path(s): TOP/in
Dora\Exception 0: open_basedir restriction in effect: TOP/in/moves is not within the allowed path(s): TOP/in
-- it stays the same after chdir()
Dora\ConnectionException 100010: cannot connect to 127.0.0.1:1: Connection refused
-- without it: nothing of a file is shown that is no node file

Warning: Dora\Client::call(): file TOP/secret: line 1, column 4: this is no JSON; a node file is what `dora monitor --out nodes.json` writes in TOP/in/program.php on line 2
Dora\ConnectionException 100010: no server is known: file TOP/secret: line 1, column 4: this is no JSON; a node file is what `dora monitor --out nodes.json` writes
-- a server's files
dora serve: --config: open_basedir restriction in effect: TOP/secret is not within the allowed path(s): TOP/in
status 1
dora serve: log.file: open_basedir restriction in effect: ../log is not within the allowed path(s): TOP/in
status 1
dora serve: pid_file: open_basedir restriction in effect: ../pid is not within the allowed path(s): TOP/in
status 1
dora serve: pools.p.app: open_basedir restriction in effect: ../other.php is not within the allowed path(s): TOP/in
status 1
Dora\Exception 0: dora setting "log_path": TOP/log/: open_basedir restriction in effect: TOP/log/ is not within the allowed path(s): TOP/in
Dora\Exception 0: dora setting "pid_path": TOP: open_basedir restriction in effect: TOP is not within the allowed path(s): TOP/in
-- the monitor's
Dora\Exception 0: DoraRPC\Monitor: open_basedir restriction in effect: ../nodes.php is not within the allowed path(s): TOP/in
Dora\Exception 0: DoraRPC\Monitor: open_basedir restriction in effect: ../biz.log is not within the allowed path(s): TOP/in
-- processes
Dora\Exception 0: Dora\App::run() starts processes, and disable_functions names proc_open: take it out for this program (php -d disable_functions= FILE), or start it by `dora serve FILE`
array(2) {
  [0]=>
  string(2) "in"
  [1]=>
  string(6) "secret"
}
