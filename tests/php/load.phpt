--TEST--
an application that does not load: status 1 and the reason; where run() may stand
--FILE--
<?php
require __DIR__ . '/common.inc';

/** Runs a file as `php FILE` and gives its exit status and what it wrote to stderr. */
function run_file(string $file, array $php = []): array
{
    $process = proc_open(php_command(...[...$php, $file]), [1 => ['pipe', 'w'], 2 => ['pipe', 'w']], $pipes);
    $out = stream_get_contents($pipes[1]);
    $log = stream_get_contents($pipes[2]);
    return [proc_close($process), $log, $out];
}

$folder = sys_get_temp_dir() . '/dora-load-' . getmypid();
mkdir($folder);
$main = "<?php\n(new Dora\\App)->api('/a', fn() => 1)->run(['port' => 0, 'config' => __DIR__ . '/dora.json']);\n";
file_put_contents("$folder/main.php", $main);
$apps = [
    'parse' => "<?php\nfunction (\n",
    'throws' => "<?php\nfunction deep() { throw new DomainException('no database'); }\ndeep();\n",
    'fatal' => "<?php\nclass A implements NoSuchInterface {}\n",
    'exits' => "<?php\nexit(0);\n",
    'returns' => "<?php\nreturn 7;\n",
    'hook' => "<?php\nreturn (new Dora\\App)->api('/b', fn() => 1)->workerStart(fn() => throw new Exception('bad start'));\n",
    'twice' => "<?php\nreturn (new Dora\\App)->api('/a', fn() => 1);\n",
];
foreach ($apps as $name => $code) {
    file_put_contents("$folder/$name.php", $code);
    $config = ['pools' => ['second' => ['runtime' => 'php', 'app' => "$folder/$name.php", 'workers' => 1]]];
    file_put_contents("$folder/dora.json", json_encode($config));
    [$status, $log] = run_file("$folder/main.php");
    preg_match('/(ParseError|DomainException|NoSuchInterface|exit\(\)|must return|bad start|\/a)/', $log, $match);
    echo "$name: $status ", $match[1] ?? $log, str_contains($log, "$name.php:2") || str_contains($log, "$name.php:3") ? ' with line' : '', "\n";
}

echo "where run() may stand\n";
$places = [
    'in a function' => ["function main() { \$app = new Dora\\App(); \$app->api('/a', fn() => 'a'); \$app RUN; } main();", '/a'],
    'code behind it' => ["(new Dora\\App)->api('/b', fn() => 'b') RUN; echo \"after\\n\";", '/b'],
];
foreach ($places as $what => $place) {
    $server = new Server($place[0]);
    echo $what, ': ', $server->client()->call($place[1]), ' ', $server->stop(), "\n";
}
array_map('unlink', glob("$folder/*"));
rmdir($folder);
?>
--EXPECT--
parse: 1 ParseError with line
throws: 1 DomainException with line
fatal: 1 NoSuchInterface with line
exits: 1 exit()
returns: 1 must return
hook: 1 bad start with line
twice: 1 /a
where run() may stand
in a function: a 0
code behind it: b 0
