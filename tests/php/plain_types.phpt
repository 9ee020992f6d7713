--TEST--
plain types: a parameter that the handler's declaration does not take is 100210; what its body raises is not
--FILE--
<?php
function told(callable $call): void
{
    try {
        echo json_encode($call()), "\n";
    } catch (Throwable $error) {
        echo get_class($error), ' ', $error->getCode(), ' ', json_encode($error->getMessage()), "\n";
    }
}

final class Desk
{
    public function method(array $row) { return count($row); }
    public static function still(string $text) { return $text; }
    public function __invoke(?bool $is) { return $is; }
}
function by_name(float $x) { return $x; }
const NO_NUMBER = 'text';

$app = new Dora\App();
$handlers = [
    'int' => fn (int $n) => $n,
    'default' => fn (int $n = 7) => $n,
    'request' => fn (int $n, Dora\Request $request) => $n + strlen($request->name),
    'union' => fn (int|array $n) => $n,
    'false' => fn (false|int $n) => $n,
    'callable' => fn (callable $n) => 'called',
    'rest' => fn (int ...$n) => $n,
    'reference' => function (int &$n) { return ++$n; },
    'method' => [new Desk, 'method'],
    'still' => 'Desk::still',
    'invoke' => new Desk,
    'name' => 'by_name',
    'own' => fn (int $n) => throw new TypeError(') must be mine'),
    'inside' => fn (int $n) => strlen([]),
    'deeper' => fn (int $n) => by_name('no number'),
    'itself' => $itself = function (mixed $n) use (&$itself) { return $itself(); },
    'again' => $again = function (int|string $n) use (&$again) { return $again([]); },
    'result' => fn (int $n): int => 'no number',
    'bad default' => fn (int $n = NO_NUMBER) => $n,
    'internal' => 'strtoupper',
];
foreach ($handlers as $name => $handler) {
    $app->api("/$name", $handler);
}

echo "-- what fits\n";
foreach (['int' => '7', 'default' => null, 'request' => 1, 'union' => [1], 'false' => false, 'callable' => 'strlen',
          'rest' => 3, 'reference' => 6, 'method' => [1, 2], 'still' => 5, 'invoke' => null, 'name' => 2] as $name => $param) {
    told(fn () => $app->call("/$name", $param));
}
echo "-- what does not\n";
foreach (['int' => 'x', 'default' => [], 'request' => null, 'union' => 'x', 'false' => true, 'callable' => 'none at all',
          'rest' => 'x', 'reference' => 'x', 'method' => 'x', 'still' => [], 'invoke' => [], 'name' => 'x'] as $name => $param) {
    told(fn () => $app->call("/$name", $param));
}
told(fn () => $app->call('/int'));
echo "-- what its body raises\n";
foreach (['own', 'inside', 'deeper', 'itself', 'again', 'result', 'bad default'] as $name) {
    told(fn () => $app->call("/$name", $name === 'bad default' ? null : 1));
}
told(fn () => $app->call('/internal', []));
echo "-- with middleware\n";
$app->middleware(function (callable $next, mixed $param) {
    try {
        return $next($param === 'made' ? 9 : $param);
    } catch (Dora\MisfitException $error) {
        return 'refused: ' . $error->getMessage();
    }
});
told(fn () => $app->call('/int', 'made'));
told(fn () => $app->call('/int', 'x'));
told(fn () => $app->call('/inside', 1));
?>
--EXPECTF--
-- what fits
7
7
9
[1]
false
"called"
[3]
7
2
"5"
null
2
-- what does not
Dora\NotRunException 100210 "$: must be of type int, string given"
Dora\NotRunException 100210 "$: must be of type int, array given"
Dora\NotRunException 100210 "$: must be of type int, null given"
Dora\NotRunException 100210 "$: must be of type array|int, string given"
1
Dora\NotRunException 100210 "$: must be of type callable, string given"
Dora\NotRunException 100210 "$: must be of type int, string given"
Dora\NotRunException 100210 "$: must be of type int, string given"
Dora\NotRunException 100210 "$: must be of type array, string given"
Dora\NotRunException 100210 "$: must be of type string, array given"
Dora\NotRunException 100210 "$: must be of type ?bool, array given"
Dora\NotRunException 100210 "$: must be of type float, string given"
Dora\NotRunException 100210 "$: must be of type int, null given"
-- what its body raises
Dora\HandlerException 100208 "TypeError: ) must be mine (code 0)"
Dora\HandlerException 100208 "TypeError: strlen(): Argument #1 ($string) must be of type string, array given (code 0)"
Dora\HandlerException 100208 "TypeError: by_name(): Argument #1 ($x) must be of type float, string given, called in %splain_types.php on line 36 (code 0)"
Dora\HandlerException 100208 "ArgumentCountError: Too few arguments to function {closure%S}(), 0 passed in %splain_types.php on line 37 and exactly 1 expected (code 0)"
Dora\HandlerException 100208 "TypeError: {closure%S}(): Argument #1 ($n) must be of type string|int, array given, called in %splain_types.php on line 38 (code 0)"
Dora\HandlerException 100208 "TypeError: {closure%S}(): Return value must be of type int, string returned (code 0)"
Dora\HandlerException 100208 "TypeError: {closure%S}(): Argument #1 ($n) must be of type int, string given (code 0)"
Dora\HandlerException 100208 "TypeError: strtoupper(): Argument #1 ($string) must be of type string, array given (code 0)"
-- with middleware
9
"refused: $: must be of type int, string given"
Dora\HandlerException 100208 "TypeError: strlen(): Argument #1 ($string) must be of type string, array given (code 0)"
