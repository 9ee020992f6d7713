--TEST--
a worker's last functions and destructors call what was watched, with code that opcache has compiled
--SKIPIF--
<?php
require __DIR__ . '/common.inc';
if (opcache() === null) die('skip no opcache here');
?>
--FILE--
<?php
require __DIR__ . '/common.inc';

$file = tempnam(sys_get_temp_dir(), 'dora');
rename($file, "$file.php");
file_put_contents("$file.php", <<<'PHP'
    <?php
    final class Last
    {
        public function __construct(private Closure $seed) {}
        public function __destruct() { ($this->seed)(7); mt_srand(7); fwrite(STDERR, 'destructed ' . mt_rand() . "\n"); }
    }
    $app = new Dora\App();
    $app->workerStart(function () {
        $GLOBALS['last'] = new Last(mt_srand(...));
        register_shutdown_function(function () {
            mt_srand(5);
            putenv('LAST=1');
            fwrite(STDERR, 'shutdown ' . mt_rand() . "\n");
        });
    });
    $app->api('jit', fn() => (bool)(opcache_get_status(false)['jit']['on'] ?? false));
    $app->run(['port' => 0, 'workers' => 1]);
    PHP);
touch("$file.php", time() - 60); // what is younger than two seconds is not compiled
$server = Server::of(php_command(...opcache(), ...['-d', 'opcache.jit_buffer_size=16M', '-d', 'opcache.jit=1205', "$file.php"]));
var_dump(is_bool($server->client()->call('jit')), $server->stop());
foreach (['shutdown' => 5, 'destructed' => 7] as $what => $seed) {
    mt_srand($seed);
    var_dump(substr_count($server->log(), "$what " . mt_rand()));
}
echo preg_match('/killed by.*/', $server->log(), $line) ? "$line[0]\n" : '';
unlink("$file.php");
?>
--EXPECT--
bool(true)
int(0)
int(1)
int(1)
