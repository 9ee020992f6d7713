--TEST--
Dora\App: what can never be called is refused where it is registered, with its place and the mend
--FILE--
<?php
require __DIR__ . '/common.inc';

abstract class Base
{
    abstract public function absent($param);

    public function plain($param)
    {
    }

    private function hidden($param)
    {
    }

    protected static function guarded($param)
    {
    }

    public function own(Dora\App $app): void
    {
        $app->api('own', [$this, 'hidden']);
    }
}

final class Whole extends Base
{
    public function absent($param)
    {
    }
}

$app = new Dora\App();
$refused = [
    'Base::absent',
    'Base::plain',
    [new Whole(), 'hidden'],
    ['Whole', 'guarded'],
    [new Whole(), 'none'],
    new Whole(),
    fn($param, int $number) => 1,
    fn($param, DateTime|int $number) => 1,
    fn(Dora\Request $request) => 1,
    fn(object $param) => 1,
    fn(Countable&Traversable $param) => 1,
    fn($a, $b, $c) => 1,
    'array_map',
    'in_array',
    'no_such_function',
    17,
];
foreach ($refused as $handler) {
    report(fn() => $app->api('/a', $handler));
}
echo "hooks\n";
foreach ([fn(array $worker) => 1, fn($a, $b) => 1, fn() => yield, [new Whole(), 'hidden']] as $hook) {
    report(fn() => $app->workerStart($hook));
    report(fn() => $app->workerStop($hook));
}
echo "nothing was registered, and a class may give its own\n";
report(fn() => $app->fallback(fn(object $param) => 1));
report(fn() => $app->fallback('strlen')->api('/a', 'strlen'));
report(fn() => (new Whole())->own($app));
report(fn() => $app->api("/a\0b", 'strlen'));
?>
--EXPECTF--
TypeError 0: Dora\App::api(): Argument #2 ($handler) must be a valid callback, cannot call abstract method Base::absent() (Base::absent() in %s.php:6): give an object of a class that has it
TypeError 0: Dora\App::api(): Argument #2 ($handler) must be a valid callback, non-static method Base::plain() cannot be called statically (Base::plain() in %s.php:8): give an object, or make it static
TypeError 0: Dora\App::api(): Argument #2 ($handler) must be a valid callback, cannot access private method Whole::hidden() (Base::hidden() in %s.php:12): make it public, or give a closure
TypeError 0: Dora\App::api(): Argument #2 ($handler) must be a valid callback, cannot access protected method Whole::guarded() (Base::guarded() in %s.php:16): make it public, or give a closure
TypeError 0: Dora\App::api(): Argument #2 ($handler) must be a valid callback, class Whole does not have a method "none" (the class is in %s.php:26)
TypeError 0: Dora\App::api(): Argument #2 ($handler) must be a valid callback, no array or string given (the class is in %s.php:26)
TypeError 0: Dora\App::api(): Argument #2 ($handler) cannot be called: the closure in %s.php:41 wants int as its second argument, which is a Dora\Request: give it a default
TypeError 0: Dora\App::api(): Argument #2 ($handler) cannot be called: the closure in %s.php:42 wants DateTime|int as its second argument, which is a Dora\Request: give it a default
TypeError 0: Dora\App::api(): Argument #2 ($handler) cannot be called: the closure in %s.php:43 wants Dora\Request as its first argument, which no parameter of a call can be: take array, a scalar type or mixed there, and the request second
TypeError 0: Dora\App::api(): Argument #2 ($handler) cannot be called: the closure in %s.php:44 wants object as its first argument, which no parameter of a call can be: take array, a scalar type or mixed there, and the request second
TypeError 0: Dora\App::api(): Argument #2 ($handler) cannot be called: the closure in %s.php:45 wants Countable&Traversable as its first argument, which no parameter of a call can be: take array, a scalar type or mixed there
TypeError 0: Dora\App::api(): Argument #2 ($handler) cannot be called: the closure in %s.php:46 wants 3 arguments: give those after the second a default
TypeError 0: Dora\App::api(): Argument #2 ($handler) cannot be called: array_map() wants array as its second argument, which is a Dora\Request: give a closure that calls it
TypeError 0: Dora\App::api(): Argument #2 ($handler) cannot be called: in_array() wants array as its second argument, which is a Dora\Request: give a closure that calls it
TypeError 0: Dora\App::api(): Argument #2 ($handler) must be a valid callback, function "no_such_function" not found or invalid function name
TypeError 0: Dora\App::api(): Argument #2 ($handler) must be a valid callback, no array or string given
hooks
TypeError 0: Dora\App::workerStart(): Argument #1 ($hook) cannot be called: the closure in %s.php:56 wants array as its first argument, which no worker's number can be: take int there
TypeError 0: Dora\App::workerStop(): Argument #1 ($hook) cannot be called: the closure in %s.php:56 wants array as its first argument, which no worker's number can be: take int there
TypeError 0: Dora\App::workerStart(): Argument #1 ($hook) cannot be called: the closure in %s.php:56 wants 2 arguments: give those after the first a default
TypeError 0: Dora\App::workerStop(): Argument #1 ($hook) cannot be called: the closure in %s.php:56 wants 2 arguments: give those after the first a default
TypeError 0: Dora\App::workerStart(): Argument #1 ($hook) cannot be called: the closure in %s.php:56 is a generator: return the result, do not yield it
TypeError 0: Dora\App::workerStop(): Argument #1 ($hook) cannot be called: the closure in %s.php:56 is a generator: return the result, do not yield it
TypeError 0: Dora\App::workerStart(): Argument #1 ($hook) must be a valid callback, cannot access private method Whole::hidden() (Base::hidden() in %s.php:12): make it public, or give a closure
TypeError 0: Dora\App::workerStop(): Argument #1 ($hook) must be a valid callback, cannot access private method Whole::hidden() (Base::hidden() in %s.php:12): make it public, or give a closure
nothing was registered, and a class may give its own
TypeError 0: Dora\App::fallback(): Argument #1 ($handler) cannot be called: the closure in %s.php:61 wants object as its first argument, which no parameter of a call can be: take array, a scalar type or mixed there, and the request second
Dora\App
null
ValueError 0: Dora\App::api(): Argument #1 ($name) must not have a NUL byte, which "/a" is followed by
