--TEST--
connections outlive a web request; outside the command line run() refuses
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->api('echo', fn($param) => $param);
    $app RUN;
    PHP);

$page = tempnam(sys_get_temp_dir(), 'dora');
file_put_contents($page, <<<'PHP'
    <?php
    try {
        (new Dora\App)->run();
    } catch (Dora\Exception $error) {
        header('X-Run: ' . $error->getMessage());
    }
    $client = new Dora\Client($_GET['node'], ['timeout' => 5]);
    $answer = $client->call('echo', $_GET['say']);
    $sockets = [];
    foreach (glob('/proc/self/fd/*') as $fd) {
        $sockets[] = @readlink($fd);
    }
    sort($sockets);
    echo json_encode([getmypid(), $answer, implode(' ', preg_grep('/^socket:/', $sockets))]);
    PHP);

/* PHP's own web server keeps its process over requests, as FPM does. */
$command = php_command('-S', '127.0.0.1:0', $page);
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

function page(int $port, string $query, ?array &$headers = null): array
{
    $reply = fopen("http://127.0.0.1:$port/?$query", 'r');
    $headers = stream_get_meta_data($reply)['wrapper_data'];
    return json_decode(stream_get_contents($reply), true);
}

$port = (int)$match[1];
$node = "node=127.0.0.1:$server->port";
$first = page($port, "$node&say=one", $headers);
$second = page($port, "$node&say=two");
$third = page($port, "$node&say=three");
echo implode(' ', preg_grep('/^X-Run/', $headers)), "\n";
echo "$first[1] $second[1] $third[1]\n";
var_dump($first[0] === $third[0]);

/* The web server's own sockets differ from request to request; the one to Dora stays. */
$kept = array_intersect(...array_map(fn($seen) => explode(' ', $seen[2]), [$first, $second, $third]));
echo count($kept) >= 2 ? "kept\n" : "not kept: $first[2], $second[2], $third[2]\n";
proc_terminate($web, 9);
proc_close($web);
unlink($page);
var_dump($server->stop());
?>
--EXPECT--
X-Run: Dora\App::run() starts a server: run the file by `php FILE`
one two three
bool(true)
kept
int(0)
