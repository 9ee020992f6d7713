--TEST--
what a web request submitted is forgotten at its end; its results never reach another
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->fallback(fn($param) => $param);
    $app RUN;
    PHP);

$page = tempnam(sys_get_temp_dir(), 'dora');
file_put_contents($page, <<<'PHP'
    <?php
    [$host, $port] = explode(':', $_GET['node']);
    $client = new Dora\Client($_GET['node'], ['timeout' => 5]);
    $old = new DoraRPC\Client(['g' => [['ip' => $host, 'port' => $port]]]);
    $old->changeMode(['type' => 1, 'group' => 'g']);
    if ($_GET['do'] === 'submit') {
        $client->submit('x', 1);
        $client->submitMany(['a' => ['x', 1]]);
        $old->singleAPI('x', 1, DoraRPC\DoraConst::SW_MODE_ASYNCRESULT);
        if (isset($_GET['die'])) {
            trigger_error('a fatal error', E_USER_ERROR);
        }
    }
    $found = $_GET['do'] === 'collect' ? [count($client->collect()), count($old->getAsyncData()['data'])] : [];
    echo json_encode([getmypid(), $found, $client->call('x', 'called'), $old->singleAPI('x', 'called')['data']['data']['data']]);
    PHP);

$command = php_command('-S', '127.0.0.1:0', '-d', 'display_errors=0', '-d', 'log_errors=0', $page);
array_unshift($command, '/usr/bin/setpriv', '--pdeathsig', 'TERM');
$web = proc_open($command, [1 => ['pipe', 'w'], 2 => ['pipe', 'w']], $pipes);
$heard = '';
while (!preg_match('~\(http://127\.0\.0\.1:(\d+)\) started~', $heard, $match)) {
    $part = fread($pipes[2], 4096);
    if ($part === '' || $part === false) {
        die("no web server: $heard");
    }
    $heard .= $part;
}

function page(string $query): ?array
{
    global $match, $server;
    $context = stream_context_create(['http' => ['ignore_errors' => true]]);
    return json_decode((string)file_get_contents("http://127.0.0.1:$match[1]/?node=127.0.0.1:$server->port&$query", false, $context), true);
}

$pids = [];
foreach (['do=submit', 'do=collect', 'do=submit', 'do=submit&die=1', 'do=collect', 'do=nothing'] as $query) {
    $answer = page($query);
    echo "$query: ", json_encode($answer !== null ? array_slice($answer, 1) : 'died'), "\n";
    $pids[] = $answer[0] ?? $pids[0];
}
echo count(array_unique($pids)) === 1 ? "one process\n" : "several processes\n";
proc_terminate($web, 9);
proc_close($web);
unlink($page);
var_dump($server->stop());
?>
--EXPECT--
do=submit: [[],"called","called"]
do=collect: [[0,0],"called","called"]
do=submit: [[],"called","called"]
do=submit&die=1: "died"
do=collect: [[0,0],"called","called"]
do=nothing: [[],"called","called"]
one process
int(0)
