--TEST--
Dora\App: what it registers and refuses
--FILE--
<?php
require __DIR__ . '/common.inc';

$app = new Dora\App();
echo get_class($app->api('/a', fn($param) => 1)->fallback('strlen')->workerStart(function () {
})->workerStop(function () {
})), "\n";
report(fn() => $app->api('/a', fn() => 1));
report(fn() => $app->api('', fn() => 1));
report(fn() => $app->api('/star*', fn() => 1));
report(fn() => $app->api(str_repeat('n', 255), fn() => 1));
report(fn() => $app->api(str_repeat('n', 256), fn() => 1));
report(fn() => $app->api('/b', 'no_such_function'));
report(fn() => $app->fallback('strlen'));
report(fn() => clone $app);
report(fn() => serialize($app));
report(fn() => $app->run(['port']));
report(fn() => $app->run(['port' => new stdClass]));
report(fn() => new Dora\Request());
report(fn() => Dora\zygote());

echo "cycles are collected\n";
$app->api('/self', function () use ($app) {
});
$weak = WeakReference::create($app);
unset($app);
gc_collect_cycles();
var_dump($weak->get());
?>
--EXPECT--
Dora\App
ValueError 0: Dora\App::api(): Argument #1 ($name) names an api that has a handler already: "/a"
ValueError 0: Dora\App::api(): Argument #1 ($name) must have 1 to 255 bytes and not end in "*"
ValueError 0: Dora\App::api(): Argument #1 ($name) must have 1 to 255 bytes and not end in "*"
Dora\App
ValueError 0: Dora\App::api(): Argument #1 ($name) must have 1 to 255 bytes and not end in "*"
TypeError 0: Dora\App::api(): Argument #2 ($handler) must be a valid callback, function "no_such_function" not found or invalid function name
Dora\Exception 0: there is a fallback already
Error 0: Trying to clone an uncloneable object of class Dora\App
Exception 0: Serialization of 'Dora\App' is not allowed
ValueError 0: Dora\App::run(): Argument #1 ($options) must have names of options as keys
TypeError 0: Dora\App::run(): Argument #1 ($options) must have strings and numbers as values of "port"
ArgumentCountError 0: Dora\Request::__construct() expects at least 1 argument, 0 given
Dora\Exception 0: Dora\zygote() is for processes that a server starts
cycles are collected
NULL
