--TEST--
between tasks: what a file registers stays since its first inclusion, not of each; what eval() registers does not
--FILE--
<?php
require __DIR__ . '/common.inc';

$folder = sys_get_temp_dir() . '/dora-included-' . getmypid();
mkdir($folder);
file_put_contents("$folder/loader.php", <<<'PHP'
    <?php
    spl_autoload_register(new Loader('of the file'));
    spl_autoload_register(new Loader('of the file, too'));
    @stream_filter_register('included', Loader::class);
    PHP);
file_put_contents("$folder/other.php", "<?php\nspl_autoload_register(new Loader('other'));\nrequire '$folder/loader.php';\n");
$server = new Server(strtr(<<<'PHP'
    final class Loader
    {
        public function __construct(private string $name) {}
        public function __invoke() {}
    }
    function loaders(): array { return array_map(fn($loader) => ((array)$loader)["\0Loader\0name"], spl_autoload_functions()); }
    function evaluate(): void
    {
        eval('spl_autoload_register(new Loader("of eval")); @stream_wrapper_register("evaluated", Loader::class);');
    }
    $app = new Dora\App();
    $app->api('eval', function () { evaluate(); return count(loaders()); });
    $app->api('include', function ($name) { require "FOLDER/$name.php"; return count(loaders()); });
    $app->api('both', function () { evaluate(); require 'FOLDER/loader.php'; return count(loaders()); });
    $app->api('left', fn() => [...loaders(),
        ...preg_grep('/^(included|evaluated)/', [...stream_get_wrappers(), ...stream_get_filters()])]);
    $app->api('memory', fn() => memory_get_usage());
    $app RUN;
    PHP, ['FOLDER' => $folder]), ['workers' => 1]);
$client = $server->client(['timeout' => 60]);
foreach ([['eval'], ['include', 'loader'], ['include', 'loader'], ['include', 'other'], ['include', 'other'], ['both']] as $call) {
    echo json_encode([$client->call(...$call), $client->call('left')]), "\n";
}
$round = function (int $tasks) use ($client): void {
    for (; $tasks > 0; $tasks -= 100) {
        $client->callMany(array_fill(0, 100, ['both']));
    }
};
$round(500);
$before = $client->call('memory');
$round(5000);
$grown = $client->call('memory') - $before;
echo $grown <= 4096 ? "flat\n" : "$grown bytes more\n";
var_dump($server->stop());
array_map(unlink(...), glob("$folder/*"));
rmdir($folder);
?>
--EXPECT--
[1,[]]
[2,["of the file","of the file, too","included"]]
[4,["of the file","of the file, too","included"]]
[5,["of the file","of the file, too","other","included"]]
[6,["of the file","of the file, too","other","included"]]
[6,["of the file","of the file, too","other","included"]]
flat
int(0)
