--TEST--
a worker's end: stop hooks, shutdown functions, destructors and open streams, each once
--FILE--
<?php
require __DIR__ . '/common.inc';

$folder = sys_get_temp_dir() . '/dora-leave-' . getmypid();
mkdir($folder);
$server = new Server(<<<'PHP'
    final class Kept
    {
        public function __construct(private string $file) {}
        public function __destruct() { file_put_contents($this->file, "destructor\n", FILE_APPEND); }
    }
    $app = new Dora\App();
    $app->workerStart(function () {
        register_shutdown_function(function () {
            file_put_contents($GLOBALS['folder'] . '/said', "shutdown\n", FILE_APPEND);
        });
    });
    $app->workerStop(function () {
        file_put_contents($GLOBALS['folder'] . '/said', "stop\n", FILE_APPEND);
    });
    $app->api('open', function (string $folder) {
        $GLOBALS['folder'] = $folder;
        $GLOBALS['kept'] = new Kept("$folder/said");
        $GLOBALS['packed'] = gzopen("$folder/packed.gz", 'w');
        return gzwrite($GLOBALS['packed'], 'text');
    });
    $app RUN;
PHP, ['workers' => 1]);

var_dump($server->client()->call('open', $folder));
var_dump($server->stop());
echo file_get_contents("$folder/said");
var_dump(implode(gzfile("$folder/packed.gz")));
array_map(unlink(...), glob("$folder/*"));
rmdir($folder);
?>
--EXPECT--
int(4)
int(0)
stop
shutdown
destructor
string(4) "text"
