--TEST--
between tasks: what belongs to one task is reset, statics and globals persist
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    ini_set('precision', '11');
    set_error_handler(fn() => true);
    set_error_handler($own = fn($level, $text) => $GLOBALS['seen'] = $text);
    set_exception_handler('strval');
    $_GET['kept'] = 'yes';
    register_shutdown_function(function () { fwrite(STDERR, "application ends\n"); });
    $app = new Dora\App();
    $app->workerStart(function () { ini_set('date.timezone', 'Asia/Tokyo'); });
    $app->workerStop(function () { fwrite(STDERR, "worker stops\n"); });
    $app->api('state', function () use ($own) {
        $handler = set_error_handler(null);
        restore_error_handler();
        $exceptions = set_exception_handler(null);
        restore_exception_handler();
        return [
            'precision' => ini_get('precision'), 'timezone' => ini_get('date.timezone'),
            'memory' => ini_get('memory_limit'), 'level' => error_reporting(), 'time' => ini_get('max_execution_time'),
            'buffers' => ob_get_level(), 'handler' => $handler === $own, 'exceptions' => $exceptions,
            'get' => $_GET, 'post' => $_POST, 'server' => isset($_SERVER['LEAK']), 'argv' => isset($_SERVER['argv']),
            'env' => isset($_ENV['LEAK']), 'cookie' => $_COOKIE, 'request' => isset($_REQUEST['LEAK']),
            'files' => $_FILES, 'session' => isset($_SESSION), 'last' => error_get_last(), 'cwd' => getcwd(),
            'headers' => headers_list(), 'status' => http_response_code(),
        ];
    });
    $app->api('change', function ($what) {
        switch ($what) {
            case 'ini':
                ini_set('precision', '5');
                ini_set('date.timezone', 'Europe/Berlin');
                ini_set('memory_limit', '512M');
                error_reporting(0);
                break;
            case 'iniRestore': ini_restore('precision'); ini_restore('date.timezone'); break;
            case 'time': set_time_limit(7); break;
            case 'buffers': ob_start(); echo 'buffered'; ob_start(fn($text) => strtoupper($text)); echo 'shouted'; break;
            case 'handlers':
                set_error_handler(fn() => false);
                set_error_handler(fn() => false);
                set_exception_handler(fn() => null);
                break;
            case 'handlersRestored':
                restore_error_handler(); restore_error_handler(); restore_error_handler();
                restore_exception_handler();
                break;
            case 'superglobals':
                $_GET['LEAK'] = 1; $_POST['LEAK'] = 1; $_COOKIE['LEAK'] = 1; $_SERVER['LEAK'] = 1; $_ENV['LEAK'] = 1;
                $_REQUEST['LEAK'] = 1; $_FILES['LEAK'] = 1; $_SESSION['LEAK'] = 1;
                break;
            case 'superglobalsGone': unset($_GET, $_SERVER, $_ENV); $_POST = 'text'; break;
            case 'superglobalReference': $g = &$_GET; $g['LEAK'] = 1; $GLOBALS['keep'] = &$_GET; break;
            case 'lastError': set_error_handler(null); @trigger_error('last'); break;
            case 'lastErrorFree': set_error_handler(null); @$a['x']; break;
            case 'cwd': chdir('/'); break;
            case 'cwdFails': chdir('/'); chdir('/no/such/folder'); break;
            case 'headers': header('X-Leak: 1'); http_response_code(404); header_register_callback(fn() => 1); break;
            case 'exception': throw new LogicException('thrown');
            case 'all':
                ini_set('precision', '3'); chdir('/tmp'); ob_start(); $_GET = []; set_error_handler(null);
                throw new LogicException('after changes', 9);
        }
        return $what;
    });
    $app->api('count', function () {
        static $calls = 0;
        $GLOBALS['calls'] = ($GLOBALS['calls'] ?? 0) + 1;
        return [++$calls, $GLOBALS['calls']];
    });
    $app->api('shutdown', function ($what) {
        register_shutdown_function(function () use ($what) {
            $GLOBALS['order'][] = "first $what";
            register_shutdown_function(function () { $GLOBALS['order'][] = 'nested'; });
        });
        register_shutdown_function(function () { throw new DomainException('in shutdown'); });
        register_shutdown_function(function () { $GLOBALS['order'][] = 'second'; });
        return 'registered';
    });
    $app->api('order', function () { $order = $GLOBALS['order'] ?? []; $GLOBALS['order'] = []; return $order; });
    $app->api('destructor', function () {
        $GLOBALS['later'] = null;
        set_error_handler([new class {
            public function __destruct() { $GLOBALS['order'][] = 'destroyed'; throw new Exception('from destructor'); }
            public function handle() {}
        }, 'handle']);
        return 1;
    });
    $app->api('print', function () { echo "printed line\n"; print("no newline"); return 1; });
    $app RUN;
    PHP, ['workers' => 1]);
$client = $server->client();

$before = $client->call('state');
echo json_encode(array_diff_key($before, ['cwd' => 1, 'level' => 1, 'memory' => 1]), JSON_UNESCAPED_SLASHES), "\n";
$changes = ['ini', 'iniRestore', 'time', 'buffers', 'handlers', 'handlersRestored', 'superglobals', 'superglobalsGone',
    'superglobalReference', 'lastError', 'lastErrorFree', 'cwd', 'cwdFails', 'headers', 'exception', 'all', 'nothing'];
foreach ($changes as $change) {
    try {
        $client->call('change', $change);
    } catch (Dora\HandlerException $error) {
        echo $error->getCode(), ' ', $error->getMessage(), "\n";
    }
    $after = $client->call('state');
    if ($after !== $before) {
        echo "$change leaks: ";
        foreach ($after as $key => $value) {
            if ($value !== $before[$key]) {
                echo $key, ' ', json_encode($before[$key]), ' to ', json_encode($value), ' ';
            }
        }
        echo "\n";
    }
}
echo "statics and globals persist\n";
echo json_encode([$client->call('count'), $client->call('count'), $client->call('count')]), "\n";
echo "shutdown functions\n";
$client->call('shutdown', 'a');
echo json_encode($client->call('order')), json_encode($client->call('order')), "\n";
$client->call('destructor');
echo json_encode($client->call('order')), "\n";
$client->call('print');
var_dump($client->call('state') === $before);
var_dump($server->stop());
$log = $server->log();
foreach (['buffered', 'SHOUTED', 'printed line', 'no newline', 'in shutdown', 'from destructor', 'worker stops',
    'application ends'] as $line) {
    if (!str_contains($log, $line)) {
        echo "not in the log: $line\n", $log;
    }
}
?>
--EXPECTF--
{"precision":"11","timezone":"Asia/Tokyo","time":"0","buffers":0,"handler":true,"exceptions":"strval","get":{"kept":"yes"},"post":[],"server":false,"argv":true,"env":false,"cookie":[],"request":false,"files":[],"session":false,"last":null,"headers":%s,"status":%s}
100208 LogicException: thrown%S
9 LogicException: after changes
statics and globals persist
[[1,1],[2,2],[3,3]]
shutdown functions
["first a","second","nested"][]
["destroyed"]
bool(true)
int(0)
