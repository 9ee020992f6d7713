--TEST--
between tasks: functions that a worker watches work as first-class callables, and what these change is put back
--EXTENSIONS--
pcntl
session
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    const NAMES = ['chdir', 'date_default_timezone_set', 'mt_srand', 'ob_implicit_flush', 'pcntl_async_signals',
        'putenv', 'session_id', 'session_start', 'spl_autoload_register', 'stream_wrapper_register', 'textdomain'];
    function arguments(string $name): array
    {
        return ['chdir' => ['/'], 'date_default_timezone_set' => ['Asia/Tokyo'], 'putenv' => ['DORA_LEFT=1'],
            'pcntl_async_signals' => [true], 'spl_autoload_register' => [fn() => null],
            'stream_wrapper_register' => ['left', stdClass::class]][$name] ?? [];
    }
    $loaded = mt_srand(...);
    $app = new Dora\App();
    $app->api('each', function () {
        $called = [];
        foreach (array_filter(NAMES, 'function_exists') as $name) {
            try {
                @$name(...)(...arguments($name));
            } catch (ArgumentCountError) { // it was called
            }
            $called[] = $name;
        }
        return count($called) === count(array_filter(NAMES, 'function_exists'));
    });
    $app->api('seed', function () use ($loaded) {
        $drawn = [];
        foreach ([mt_srand(...), Closure::fromCallable('mt_srand'), $loaded,
            (new ReflectionFunction('mt_srand'))->getClosure()] as $seed) {
            $seed(5);
            $drawn[] = mt_rand();
        }
        array_map(mt_srand(...), [5]);
        return [count(array_unique([...$drawn, mt_rand()])), getmypid()];
    });
    $app->api('left', fn() => [getenv('DORA_LEFT'), getcwd() === '/', date_default_timezone_get(), pcntl_async_signals(),
        session_status() === PHP_SESSION_ACTIVE, count(spl_autoload_functions()), in_array('left', stream_get_wrappers())]);
    $app->api('env', putenv(...));
    $app->api('pid', getmypid(...)) RUN;
    PHP, ['workers' => 1], ['TZ' => 'UTC']);
$client = $server->client();
$pid = $client->call('pid');
report(fn() => $client->call('each'));
report(fn() => $client->call('left'));
report(fn() => $client->call('seed')[0]);
report(fn() => $client->call('env', 'DORA_LEFT=2'));
report(fn() => $client->call('left')[0]);
var_dump($client->call('pid') === $pid, $server->stop());
?>
--EXPECT--
true
[false,false,"UTC",false,false,0,false]
1
true
false
bool(true)
int(0)
