--TEST--
between tasks: sessions, random numbers, times, submissions and autoloaders of one caller are not the next one's
--EXTENSIONS--
session
--FILE--
<?php
require __DIR__ . '/between.inc';

$folder = sys_get_temp_dir() . '/dora-between-' . getmypid();
mkdir($folder);
file_put_contents("$folder/loader.php", <<<'PHP'
    <?php
    final class Loader
    {
        public static function register(): void { spl_autoload_register([self::class, 'load']); }
        public static function load($name): void { eval("class $name {}"); }
    }
    Loader::register();
    stream_wrapper_register('included', Loader::class);
    stream_filter_register('included', Loader::class);
    PHP);
$server = new Server(strtr(<<<'PHP'
    ini_set('session.save_path', 'FOLDER');
    session_start();
    $_SESSION['user'] = 'whoever loads';
    mt_srand(7);
    $boot = $_SERVER;
    $app = new Dora\App();
    $app->api('session', function () {
        $before = [session_id(), $_SESSION['user'] ?? null, session_status() === PHP_SESSION_ACTIVE];
        session_id('first');
        session_start();
        $_SESSION['user'] = ($_SESSION['user'] ?? '') . 'x';
        return $before;
    });
    $app->api('seed', function () { mt_srand(5); @srand(6, constant('MT_RAND_PHP')); lcg_value(); return mt_rand(); });
    $app->api('draw', fn() => [mt_rand(), mt_rand(), lcg_value()]);
    $app->api('time', function () use ($boot) {
        $GLOBALS['kept'] ??= $_SERVER;
        return [$_SERVER['REQUEST_TIME_FLOAT'], $_SERVER['REQUEST_TIME'], $GLOBALS['kept']['REQUEST_TIME_FLOAT'],
            $boot['REQUEST_TIME_FLOAT'], microtime(true)];
    });
    $app->api('submit', function ($port) { (new Dora\Client("127.0.0.1:$port"))->submit('draw'); return true; });
    $app->api('collect', fn($port) => (new Dora\Client("127.0.0.1:$port"))->collect(timeout: 5));
    $app->api('loaders', function () {
        spl_autoload_register(fn() => null);
        stream_wrapper_register('called', stdClass::class);
        stream_filter_register('called', stdClass::class);
        require_once 'FOLDER/loader.php';
        return [count(spl_autoload_functions()), class_exists('Made' . count(get_declared_classes()))];
    });
    $app->api('loadersLeft', fn() => [count(spl_autoload_functions()),
        ...preg_grep('/^(included|called)/', [...stream_get_wrappers(), ...stream_get_filters()])]);
    $app->api('memory', fn() => [memory_get_peak_usage() > 8 << 20, strlen(str_repeat('x', 16 << 20)) > 0]);
    $app RUN;
    PHP, ['FOLDER' => $folder]), ['workers' => 1]);
$client = $server->client();

echo json_encode([$client->call('session'), $client->call('session')]), "\n";
$client->call('draw'); // what comes after a reply has been done once the next one is there
$file = fopen("$folder/sess_first", 'r');
var_dump(flock($file, LOCK_EX | LOCK_NB), stream_get_contents($file)); // written and let go

mt_srand(5);
@mt_srand(6, constant('MT_RAND_PHP')); // deprecated since PHP 8.3
$seeded = mt_rand();
$known = [mt_rand(), mt_rand()];
var_dump($client->call('seed') === $seeded);
$drawn = $client->call('draw');
$again = $client->call('draw');
var_dump(array_intersect($drawn, $known), array_intersect($drawn, $again));

[$first, $second] = [$client->call('time'), $client->call('time')];
var_dump($second[0] >= $first[4] && $second[0] <= $second[4], $second[1] === (int)$second[0]);
var_dump($second[2] === $first[0], $second[3] === $first[3] && $second[3] < $first[0]);

$client->call('submit', $server->port);
echo json_encode($client->call('collect', $server->port)), "\n";
echo json_encode([$client->call('loaders'), $client->call('loadersLeft'), $client->call('loaders'),
    $client->call('loadersLeft')]), "\n";
echo json_encode([$client->call('memory'), $client->call('memory')]), "\n";
var_dump($server->stop());
array_map(unlink(...), glob("$folder/*"));
rmdir($folder);
?>
--EXPECT--
[["",null,false],["",null,false]]
bool(true)
string(14) "user|s:2:"xx";"
bool(true)
array(0) {
}
array(0) {
}
bool(true)
bool(true)
bool(true)
bool(true)
[]
[[2,true],[1,"included","included"],[2,true],[1,"included","included"]]
[[false,true],[false,true]]
int(0)
