--TEST--
programs that a handler starts do at signals what they do by default; the worker goes on ignoring them
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->api('ignored', function ($how) {
        $program = 'grep SigIgn: /proc/self/status';
        ob_start();
        $said = match ($how) {
            'exec' => exec($program),
            'shell_exec' => shell_exec($program),
            'backticks' => `grep SigIgn: /proc/self/status`,
            'system' => system($program),
            'passthru' => passthru($program) ?? ob_get_contents(),
            'popen' => stream_get_contents(popen($program, 'r')),
            'proc_open' => (function () use ($program) {
                $process = proc_open($program, [1 => ['pipe', 'w']], $pipes);
                return stream_get_contents($pipes[1]);
            })(),
            'worker' => file_get_contents('/proc/self/status'),
        };
        ob_end_clean();
        preg_match('/SigIgn:\s*([0-9a-f]+)/', $said, $ignored);
        $mask = 0;
        foreach ([1, 2, 10, 12, 15] as $number) {
            $mask |= hexdec($ignored[1]) >> ($number - 1) & 1;
        }
        return $mask === 1;
    });
    $app RUN;
    PHP, ['workers' => 1]);
$client = $server->client();
foreach (['exec', 'shell_exec', 'backticks', 'system', 'passthru', 'popen', 'proc_open', 'worker'] as $how) {
    echo $how, $client->call('ignored', $how) ? " ignores\n" : " hears\n";
}
var_dump($server->stop());
?>
--EXPECT--
exec hears
shell_exec hears
backticks hears
system hears
passthru hears
popen hears
proc_open hears
worker ignores
int(0)
