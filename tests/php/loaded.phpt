--TEST--
what an application made while loading: ended once, in the zygote; random numbers and connections are each worker's
--FILE--
<?php
require __DIR__ . '/common.inc';

$folder = sys_get_temp_dir() . '/dora-loaded-' . getmypid();
mkdir($folder);
$back = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->api('echo', fn($param) => $param);
    $app RUN;
PHP, ['workers' => 1]);
$server = new Server(<<<'PHP'
    final class Said
    {
        public function __construct(public string $what) {}
        public function __destruct() { say($this->what); }
    }
    final class OwnEngine implements Random\Engine
    {
        public function generate(): string { return 'same'; }
    }
    /** Waits until three workers are here, so that each has one of three calls. */
    function meet(string $where): void
    {
        touch(getenv('FOLDER') . "/$where-" . getmypid());
        for ($end = microtime(true) + 20; count(glob(getenv('FOLDER') . "/$where-*")) < 3 && microtime(true) < $end;) {
            usleep(2000);
        }
    }
    function say(string $what) { file_put_contents(getenv('FOLDER') . '/said', "$what " . getmypid() . "\n", FILE_APPEND); }

    $loaded = new Said('destructed');
    $dropped = new Said('dropped');
    $temporary = tmpfile();
    fwrite($temporary, 'kept');
    $path = stream_get_meta_data($temporary)['uri'];
    register_shutdown_function('say', 'shutdown');
    mt_srand(5);
    $engines = [new Random\Engine\Mt19937(1), new Random\Engine\PcgOneseq128XslRr64(1),
        new Random\Engine\Xoshiro256StarStar(1), new Random\Engine\Secure(), new OwnEngine()];
    $client = new Dora\Client('127.0.0.1:' . getenv('BACK'), ['timeout' => 10]);
    $app = new Dora\App();
    $app->workerStart(function () {
        register_shutdown_function('say', 'own shutdown');
        $GLOBALS['own'] = new Said('own destructed');
    });
    $app->api('pid', function () { meet('pid'); return getmypid(); });
    $app->api('drop', function () { $GLOBALS['dropped'] = null; return getmypid(); });
    $app->api('draw', function () {
        meet('draw');
        return [mt_rand(), ...array_map(fn($engine) => bin2hex($engine->generate()), $GLOBALS['engines'])];
    });
    $app->api('ask', fn($param) => $GLOBALS['client']->call('echo', $param));
    $app->api('path', fn() => $GLOBALS['path']);
    $app RUN;
PHP, ['workers' => 3], ['FOLDER' => $folder, 'BACK' => (string)$back->port]);

$client = $server->client();
$three = fn(string $name) => $client->callMany(array_fill(0, 3, [$name]));
$workers = array_unique($three('pid'));
echo count($workers), " workers\n";
$drawn = $three('draw');
foreach (['mt_rand', 'Mt19937', 'Pcg', 'Xoshiro', 'Secure', 'own'] as $column => $what) {
    echo count(array_unique(array_column($drawn, $column))), " $what\n";
}
$asked = $client->callMany(array_map(fn($i) => ['ask', $i], range(0, 29)));
var_dump($asked === range(0, 29));
$path = $client->call('path');

function said(string $folder): array
{
    $found = [];
    foreach (file("$folder/said", FILE_IGNORE_NEW_LINES) as $line) {
        preg_match('/^(.*) (\d+)$/', $line, $match);
        $found[$match[1]][] = (int)$match[2];
    }
    ksort($found);
    return $found;
}

$dropper = $client->call('drop');
var_dump(said($folder) === ['dropped' => [$dropper]]);
/* PHP frees the name of a temporary file only where it removes the file, which no worker may. */
$name = '\(40 bytes\)|=== Total 1 memory leaks';
var_dump(file_exists($path), $server->stop($name), $back->stop(), file_exists($path));
$said = said($folder);
foreach ($said as $what => $pids) {
    $by_workers = count(array_intersect($pids, $workers));
    echo "$what: $by_workers by workers, ", count($pids) - $by_workers, " by program and zygote\n";
}
preg_match_all('/random generators.*?\) (?:are|give)[^;]*/', $server->log(), $lines);
echo implode("\n", $lines[0]), "\n";
array_map(unlink(...), glob("$folder/*"));
rmdir($folder);
?>
--EXPECT--
3 workers
3 mt_rand
3 Mt19937
3 Pcg
3 Xoshiro
3 Secure
1 own
bool(true)
bool(true)
bool(true)
int(0)
int(0)
bool(false)
destructed: 0 by workers, 2 by program and zygote
dropped: 1 by workers, 2 by program and zygote
own destructed: 3 by workers, 0 by program and zygote
own shutdown: 3 by workers, 0 by program and zygote
shutdown: 0 by workers, 2 by program and zygote
random generators that were made while loading (Random\Engine\Mt19937, Random\Engine\PcgOneseq128XslRr64, Random\Engine\Xoshiro256StarStar) are seeded anew in each worker
random generators that were made while loading (OwnEngine) give all workers the same numbers
