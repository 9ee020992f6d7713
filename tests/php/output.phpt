--TEST--
what a handler prints reaches the log with its own task, line by line, also without an end, and at exit
--EXTENSIONS--
pcntl
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    if (getenv('DORA_ZYGOTE') !== false) {
        echo 'while loading';
    }
    $app = new Dora\App();
    $app->workerStart(fn() => print('start hook'))->workerStop(fn() => print('stop hook'));
    $app->api('/die', fn() => die('disk full'));
    $app->api('/exit', function () {
        register_shutdown_function(fn() => print('shutdown'));
        echo 'before ';
        exit("exit\n");
    });
    $app->api('/echo', function ($text) {
        echo $text;
        return $text;
    });
    $app->api('/streams', function () {
        fwrite(STDOUT, 'to STDOUT');
        fwrite(STDERR, "to STDERR\nagain");
        file_put_contents('php://stdout', ' by name');
        fprintf(fopen('php://stderr', 'w'), ' %s', 'by name');
        file_put_contents('php://output', ' by php://output');
    });
    $app->api('/later', function () {
        ob_start();
        echo 'buffered';
        register_shutdown_function(fn() => print(' and later'));
    });
    $app->api('/throw', function () {
        echo 'printed';
        throw new LogicException('thrown');
    });
    $app->api('/child', function () {
        echo 'parent ';
        if (pcntl_fork() === 0) {
            echo 'child';
            exit;
        }
        pcntl_wait($status);
        echo 'again';
    });
    $app->api('/close', function () {
        fclose(STDOUT);
        fclose(STDERR);
        $taken = [];
        for ($i = 0; $i < 4; $i++) {
            $taken[] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        }
        echo 'closed';
        error_log('still said');
        return is_resource(STDOUT);
    });
    $app->api('/long', fn() => print(str_repeat('x', 100000))) RUN;
    PHP, ['workers' => 1, 'log' => ['format' => 'json']]);
$client = $server->client();
$calls = [['/echo', 'no end'], ['/echo', "one\ntwo\r\n\nthree"], ['/streams'], ['/later'], ['/throw'], ['/child'],
    ['/close'], ['/streams'], ['/echo', 'after it'], ['/die'], ['/exit'], ['/long'], ['/echo', '']];
foreach ($calls as $call) {
    try {
        $client->call(...$call);
    } catch (Dora\HandlerException $error) {
        echo "$call[0]: {$error->getMessage()}\n";
    }
}
var_dump($server->stop());
$lines = [];
foreach (explode("\n", trim($server->log())) as $line) {
    $record = json_decode($line, true);
    if (($record['pool'] ?? false) && $record['m'][0] !== '#') {
        $message = preg_replace('/\n.*/s', ' ...', preg_replace('~ in /\S+~', ' in FILE', $record['m']));
        $tag = $record['g'] === $record['pool'] ? 'POOL' : preg_replace('/ [0-9a-f]{32}$/', ' GUID', $record['g']);
        $lines[] = "$tag: " . (strlen($message) > 200 ? strlen($message) : $message);
    }
}
sort($lines); // records and printed lines come by ways of their own
echo implode("\n", $lines), "\n";
?>
--EXPECT--
/throw: LogicException: thrown (code 0)
/die: exit() called in handler
/exit: exit() called in handler
int(0)
/child GUID: parent again
/close GUID: closed
/close GUID: still said
/die GUID: disk full
/echo GUID: after it
/echo GUID: no end
/echo GUID: one
/echo GUID: three
/echo GUID: two
/exit GUID: before exit
/exit GUID: shutdown
/later GUID: buffered and later
/long GUID: 8192
/streams GUID: again by name
/streams GUID: again by name
/streams GUID: to STDERR
/streams GUID: to STDERR
/streams GUID: to STDOUT by name by php://output
/streams GUID: to STDOUT by name by php://output
/throw GUID: printed
POOL: LogicException: thrown
POOL: child
POOL: exit() called in handler
POOL: exit() called in handler
POOL: start hook
POOL: start hook
POOL: start hook
POOL: stop hook
POOL: stop hook
POOL: stop hook
POOL: while loading
