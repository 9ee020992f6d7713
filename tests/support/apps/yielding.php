<?php
// As yielding.py.
function note($path, $text)
{
    file_put_contents($path, $text . "\n", FILE_APPEND);
}

function value_of(string $what)
{
    switch ($what) {
        case 'socket':
            return stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0)[0];
        case 'lambda':
            return fn () => 1;
        case 'recursive':
            $found = [];
            $found[] = ['again' => &$found];
            return $found;
        case 'deep':
            for ($i = 0, $found = 0; $i < 600; $i++) {
                $found = [$found];
            }
            return $found;
        case 'nan':
            return NAN;
        case 'bytes':
            return "\xff\x00";
        case 'none':
            return null;
        case 'megabyte':
            return str_repeat('m', 1 << 20);
    }
}

function inner($depth)
{
    yield $depth;
    $got = $depth > 0 ? yield from inner($depth - 1) : 0;
    return $got + $depth;
}

$app = new Dora\App();
$app->api('/value', function ($param) {
    try {
        yield 'before';
        yield value_of($param['what']);
        yield 'behind';
    } finally {
        note($param['path'], 'ended');
    }
});
$app->api('/empties', function ($param) {
    for ($i = 0; $i < $param; $i++) {
        yield '';
    }
});
$app->api('/nested', fn ($param) => inner($param));
$app->api('/again', function ($param) {
    try {
        for ($i = 0;; $i++) {
            yield $i;
        }
    } finally {
        note($param, 'closing');
        yield 'once more';
        note($param, 'ended');
    }
});
$app->api('/tidy', function ($param) {
    try {
        for ($i = 0;; $i++) {
            yield $i;
        }
    } finally {
        usleep(300000);
        note($param, 'ended');
    }
});
$app->api('/exit', function ($param) {
    try {
        yield 'before';
        exit(3);
    } finally {
        note($param, 'ended');
    }
});
$app->api('/progress', function ($param, Dora\Request $request) {
    $found = [];
    foreach ([[], ['x'], [1, 'x'], [1, 2, []], [NAN], [1, null, "\xff"]] as $wrong) {
        try {
            $request->progress(...$wrong);
            $found[] = 'taken';
        } catch (Throwable $error) {
            $found[] = $error::class;
        }
        yield end($found);
    }
    $request->progress(2 ** 70, -1.5, str_repeat("n\n\u{fc}\0", 200));
    return $found;
});
return $app;
