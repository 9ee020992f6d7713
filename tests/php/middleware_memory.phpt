--TEST--
A middleware may keep $next: the cycle collector takes it with what it holds
--FILE--
<?php
require __DIR__ . '/memory.inc';

watch_memory(200, function () {
    for ($i = 0; $i < 200; $i++) {
        $app = new Dora\App();
        $kept = new ArrayObject();
        $app->middleware(function ($next) use ($kept) { $kept[] = $next; return $next(); });
        $app->api('echo', fn($param) => strlen($param));
        $app->call('echo', str_repeat('x', 1000));
    }
    unset($app, $kept);
    gc_collect_cycles();
}, 20000);
?>
--EXPECT--
PHP's memory is flat
all memory is flat
few descriptors
