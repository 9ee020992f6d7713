--TEST--
workers draw different random numbers, even when the application drew before the fork
--FILE--
<?php
require __DIR__ . '/common.inc';

$folder = sys_get_temp_dir() . '/dora-random-' . getmypid();
mkdir($folder);
$server = new Server(<<<'PHP'
    mt_rand(); mt_srand(5); lcg_value(); rand();
    $engines = [@new Random\Engine\Mt19937(1, constant('MT_RAND_PHP')), new Random\Engine\Mt19937(1)];
    $app = new Dora\App();
    $app->api('modes', fn() => array_map(fn($engine) => $engine->__serialize()[1][625], $engines));
    $app->workerStart(function ($worker) { $GLOBALS['worker'] = $worker; $GLOBALS['drawn'] = [mt_rand(), lcg_value()]; });
    $app->api('drawn', function ($folder) { /* each worker has one of four calls */
        touch("$folder/" . getmypid());
        for ($end = microtime(true) + 20; count(glob("$folder/*")) < 4 && microtime(true) < $end;) {
            usleep(2000);
        }
        return [getmypid(), ...$GLOBALS['drawn']];
    });
    $app->api('time', fn() => [$_SERVER['REQUEST_TIME'], $_SERVER['REQUEST_TIME_FLOAT']]);
    $app RUN;
    PHP, ['workers' => 4]);
$calls = array_fill(0, 4, ['drawn', $folder]);
$drawn = $server->client(['timeout' => 60])->callMany($calls);
array_map('unlink', glob("$folder/*"));
rmdir($folder);
foreach ([0 => 'workers', 1 => 'mt_rand', 2 => 'lcg_value'] as $column => $what) {
    echo count(array_unique(array_map('strval', array_column($drawn, $column)))), " $what\n";
}
var_dump($server->client()->call('modes') === [@constant('MT_RAND_PHP'), MT_RAND_MT19937]);
$time = $server->client()->call('time');
var_dump(abs($time[0] - time()) < 20 && abs($time[1] - $time[0]) <= 1.0);
var_dump($server->stop());
?>
--EXPECT--
4 workers
4 mt_rand
4 lcg_value
bool(true)
bool(true)
int(0)
