--TEST--
Middleware stands around handlers; members of a map are named parameters; 100210 over every door
--FILE--
<?php
require __DIR__ . '/common.inc';

function told(callable $call): void
{
    try {
        echo json_encode($call()), "\n";
    } catch (Throwable $error) {
        echo get_class($error), ' ', $error->getCode(), ' ', json_encode(str_replace(__DIR__, '', $error->getMessage()), JSON_UNESCAPED_SLASHES), "\n";
    }
}

function named(): Dora\App
{
    return (new Dora\App())
        ->api('/add', fn (string $name, float $price = 1.5) => [$name, $price], ['named' => true, 'summary' => 'Adds a product'])
        ->api('/any', fn ($name, Dora\Request $request, ...$others) => [$name, $request->name, $others], ['named' => true])
        ->api('/none', fn ($price = 2) => $price, ['named' => true]);
}

echo "-- members\n";
$app = named();
told(fn () => $app->call('/add', ['name' => 'Cup', 'price' => 2]));
told(fn () => $app->call('/add', ['name' => 'Cup']));
told(fn () => $app->call('/any', ['name' => 1, 'x y' => 2]));
told(fn () => [$app->call('/none'), $app->call('/none', []), $app->call('/none', new stdClass)]);
told(fn () => $app->call('/add', ['colour' => 1, 'a b' => 2, 7 => 3]));
told(fn () => $app->call('/any', ['name' => 1, 'request' => 2]));
foreach ([[1], 'Cup', 5, 1.5, true] as $param) {
    told(fn () => $app->call('/add', $param));
}

echo "-- around\n";
$app = named()->api('/echo', fn ($param, Dora\Request $request) => [$param, $request->name]);
$app->middleware(fn (callable $next, $param, Dora\Request $request) => ['first', $next(), $request->name]);
$app->middleware(function (Closure $next, $param) {
    try {
        return match ($param) {
            'stop' => 'stopped', 'param' => $next(['changed']),
            'both' => $next('changed', new Dora\Request('/other')), 'named' => $next(param: 'by name'), default => $next()};
    } catch (Dora\MisfitException $error) {
        return ['misfit', $error->getCode(), $error->getMessage()];
    }
});
foreach (['stop', 'param', 'both', 'named', 5] as $param) {
    told(fn () => $app->call('/echo', $param));
}
told(fn () => $app->call('/add', ['nam' => 'Cup']));
$app->api('/later', fn ($param = 'default') => $param)->fallback(fn (string $param = 'text') => $param);
told(fn () => $app->call('/later', 7));
told(fn () => $app->call('/rest'));
$app->middleware(fn ($next) => throw new Exception('not you', 401));
told(fn () => $app->call('/echo'));

echo "-- references\n";
$app = (new Dora\App())
    ->api('/sorted', function (array &$list, &...$others) { sort($list); $others['more'] .= '!'; return [$list, $others]; }, ['named' => true])
    ->api('/own', fn ($x, DateTime $at = new DateTime('@7')) => [$x, $at], ['named' => true])
    ->api('/echo', fn ($param) => $param);
$app->middleware(function ($next, &$param, Dora\Request &$request) { $result = $next(); $param = $request = null; return $result; });
$app->middleware(fn (&$next, ...$rest) => $next(...$rest));
told(fn () => $app->call('/sorted', ['list' => [3, 1, 2], 'more' => 'm']));
told(fn () => $app->call('/echo', 'unchanged'));
told(fn () => $app->call('/own', ['x' => 1]));

echo "-- refused\n";
told(fn () => $app->middleware(42));
told(fn () => $app->middleware('no_such_function'));
told(fn () => $app->middleware(fn (int $next) => 1));
told(fn () => $app->middleware(fn ($next, $param, $request, $more) => 1));
told(fn () => $app->middleware(function ($next) { yield 1; }));
told(fn () => $app->middleware(fn ($next, DateTime $param) => 1));
told(fn () => $app->middleware(fn ($next, $param, array $request) => 1));
told(fn () => $app->api('/q', fn ($x, string $request) => 1, ['named' => true]));
told(fn () => $app->api('/q', fn (int $x, object $at) => 1, ['named' => true]));
told(fn () => $app->api('/q', 'strlen', ['named' => true]));
told(fn () => $app->api('/q', fn () => 1, ['named' => true]));
told(fn () => $app->api('/q', fn ($x) => 1, ['nmaed' => true]));
told(fn () => $app->api('/q', fn ($x) => 1, ['named' => 1]));
told(fn () => $app->api('/q', fn ($x) => 1, ['summary' => 1]));

echo "-- served\n";
$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->api('/add', fn (string $name, float $price = 1.5) => [$name, $price], ['named' => true]);
    $app->middleware(fn ($next, $param, $request) => $param === 'stop' ? "stopped at $request->name" : ['around', $next()]) RUN;
    PHP);
$client = $server->client();
told(fn () => $client->call('/add', ['name' => 'Cup']));
told(fn () => $client->call('/add', 'stop'));
told(fn () => $client->call('/add', ['colour' => 1]));
var_dump($server->stop(), str_contains($server->log(), 'Misfit'));
?>
--EXPECT--
-- members
["Cup",2]
["Cup",1.5]
[1,"\/any",{"x y":2}]
[2,2,2]
Dora\NotRunException 100210 "$.name: missing; $.colour: unknown; $[\"a b\"]: unknown; $[7]: unknown"
Dora\NotRunException 100210 "$.request: unknown"
Dora\NotRunException 100210 "$: a map is wanted, not a list"
Dora\NotRunException 100210 "$: a map is wanted, not a text"
Dora\NotRunException 100210 "$: a map is wanted, not a number"
Dora\NotRunException 100210 "$: a map is wanted, not a number"
Dora\NotRunException 100210 "$: a map is wanted, not a truth value"
-- around
["first","stopped","\/echo"]
["first",[["changed"],"\/echo"],"\/echo"]
["first",["changed","\/other"],"\/echo"]
["first",["by name","\/echo"],"\/echo"]
["first",[5,"\/echo"],"\/echo"]
["first",["misfit",100210,"$.name: missing; $.nam: unknown"],"\/add"]
["first",7,"\/later"]
["first","text","\/rest"]
Dora\HandlerException 401 "Exception: not you"
-- references
[[1,2,3],{"more":"m!"}]
"unchanged"
[1,"1970-01-01T00:00:07+00:00"]
-- refused
TypeError 0 "Dora\\App::middleware(): Argument #1 ($around) must be a valid callback, no array or string given"
TypeError 0 "Dora\\App::middleware(): Argument #1 ($around) must be a valid callback, function \"no_such_function\" not found or invalid function name"
TypeError 0 "Dora\\App::middleware(): Argument #1 ($around) cannot be called: the closure in /middleware.php:69 wants int as its first argument, which is a Closure: take callable $next there"
TypeError 0 "Dora\\App::middleware(): Argument #1 ($around) cannot be called: the closure in /middleware.php:70 wants 4 arguments: it is given ($next, $param, $request)"
TypeError 0 "Dora\\App::middleware(): Argument #1 ($around) cannot be called: the closure in /middleware.php:71 is a generator: return the result, do not yield it"
TypeError 0 "Dora\\App::middleware(): Argument #1 ($around) cannot be called: the closure in /middleware.php:72 wants DateTime as its second argument, which no parameter of a call can be: take mixed there"
TypeError 0 "Dora\\App::middleware(): Argument #1 ($around) cannot be called: the closure in /middleware.php:73 wants array as its third argument, which is a Dora\\Request: give it that type"
TypeError 0 "Dora\\App::api(): Argument #2 ($handler) cannot be called: the closure in /middleware.php:74 wants string as $request, which is a Dora\\Request: give it that type"
TypeError 0 "Dora\\App::api(): Argument #2 ($handler) cannot be called: the closure in /middleware.php:75 wants object as $at, which no member can be: take array, a scalar type or mixed there"
TypeError 0 "Dora\\App::api(): Argument #2 ($handler) cannot be called: strlen() is built in, its parameters have no names of yours: give a closure that calls it"
TypeError 0 "Dora\\App::api(): Argument #2 ($handler) cannot be called: the closure in /middleware.php:77 has no parameter: take \"named\" away"
ValueError 0 "Dora\\App::api(): Argument #3 ($options) of api \"/q\" has no option \"nmaed\": there are summary, named and timeLimit"
TypeError 0 "Dora\\App::api(): Argument #3 ($options) of api \"/q\" has \"named\", which must be true or false, not int"
TypeError 0 "Dora\\App::api(): Argument #3 ($options) of api \"/q\" has \"summary\", which must be a string, not int"
-- served
["around",["Cup",1.5]]
"stopped at \/add"
Dora\NotRunException 100210 "$.name: missing; $.colour: unknown"
int(0)
bool(false)
