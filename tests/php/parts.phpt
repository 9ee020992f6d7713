--TEST--
Dora\App: a handler that is a generator has parts, and what it returns for its result
--FILE--
<?php
require __DIR__ . '/common.inc';

enum Size
{
    case Small;
    case Large;
}

final class Item
{
    private int $hidden = 1;

    public function __construct(public string $name, public Size $size)
    {
    }
}

function show(callable $call): void
{
    try {
        echo json_encode($call()), "\n";
    } catch (Throwable $error) {
        $before = $error->getPrevious();
        echo $error::class, ' ', $error->getCode(), ' ', $error->getMessage(),
            $before !== null ? ' <- ' . $before::class : '', "\n";
    }
}

$app = new Dora\App();
$app->api('/count', function ($n) {
    for ($i = 0; $i < $n; $i++) {
        yield "key$i" => $i;
    }
});
$app->api('/sum', function ($n) {
    yield from range(1, $n);
    return array_sum(range(1, $n));
});
$app->api('/given', fn ($n) => (function () use ($n) {
    yield $n;
})());
$app->api('/byReference', function &($n) {
    $value = [$n];
    yield $value;
    $value[] = 'more';
    yield $value;
});
$app->api('/throws', function ($n) {
    try {
        yield 1;
        throw new Dora\HandlerException('enough', 7);
    } finally {
        echo "finally\n";
    }
});
$app->api('/odd', function ($what) {
    try {
        yield 1;
        yield $what === 'large' ? str_repeat('x', 3 << 20) : ['a' => [new SplStack()]];
        echo "not reached\n";
    } finally {
        echo "finally\n";
    }
});
$app->api('/oddAndThrows', function ($n) {
    try {
        yield new SplStack();
    } finally {
        throw new LogicException('in finally');
    }
});
$app->api('/ended', function ($n) {
    $all = (fn () => yield 1)();
    foreach ($all as $each) {
    }
    return $all;
});
$app->api('/declared', function ($n): Generator {
    yield new Item('Cup', Size::Small);
    yield [Size::Large];
});
$app->api('/undeclared', function ($n) {
    yield new Item('Cup', Size::Small);
});
$app->api('/named', function (string $name, Dora\Request $request) {
    $request->progress(1);
    $request->progress(1, 2.5, "a note");
    $request->progress(done: 2, note: null);
    yield [$name, $request->name];
}, ['named' => true]);
$held = null;
$app->api('/held', function ($n) use (&$held) {
    return $held = (function () {
        try {
            yield new SplStack();
        } finally {
            echo "finally\n";
        }
    })();
});
$kept = null;
$app->api('/kept', function ($n, Dora\Request $request) use (&$kept) {
    $kept = $request;
    yield 1;
});

show(fn () => $app->call('/count', 3));
show(fn () => $app->call('/count', 0));
show(fn () => $app->call('/sum', 4));
show(fn () => $app->call('/given', 'x'));
show(fn () => $app->call('/byReference', 'x'));
show(fn () => $app->call('/throws'));
show(fn () => $app->call('/odd'));
show(fn () => $app->call('/odd', 'large'));
show(fn () => @$app->call('/oddAndThrows'));
show(fn () => $app->call('/ended'));
show(fn () => $app->call('/declared'));
show(fn () => $app->call('/undeclared'));
show(fn () => $app->call('/named', ['name' => 'Ann']));
show(fn () => $app->call('/held'));
echo "held\n";
show(fn () => $held->valid());
$held = null;
show(fn () => $app->call('/kept'));
echo "progress\n";
show(fn () => $kept->progress(1));
$request = new Dora\Request('/x');
show(fn () => $request->progress(NAN));
show(fn () => $request->progress(1, INF));
show(fn () => $request->progress('a lot'));
show(fn () => $request->progress(1, 2, 'note'));
echo "middleware\n";
$app->middleware(function (callable $next, $param, Dora\Request $request) {
    $made = $next();
    echo get_debug_type($made), "\n";
    return $made;
});
show(fn () => $app->call('/count', 2));
show(fn () => $app->call('/sum', 2));
?>
--EXPECT--
[0,1,2]
[]
10
["x"]
[["x"],["x","more"]]
finally
Dora\HandlerException 7 enough <- Dora\HandlerException
finally
Dora\HandlerException 100208 $.a[0]: no value on the wire for type SplStack
finally
Dora\HandlerException 100206 the result is larger than the limit of 2097152 bytes (frame_bytes_max)
Dora\HandlerException 100208 $: no value on the wire for type SplStack
Dora\HandlerException 100208 Exception: Cannot traverse an already closed generator (code 0) <- Exception
[{"name":"Cup","size":"Small"},["Large"]]
Dora\HandlerException 100208 $: no value on the wire for type Item
[["Ann","\/named"]]
finally
Dora\HandlerException 100208 $: no value on the wire for type SplStack
held
false
[1]
progress
null
ValueError 0 Dora\Request::progress(): Argument #1 ($done) must be a finite number
ValueError 0 Dora\Request::progress(): Argument #2 ($total) must be a finite number, or null
TypeError 0 Dora\Request::progress(): Argument #1 ($done) must be of type float, string given
null
middleware
Generator
[0,1]
Generator
3
