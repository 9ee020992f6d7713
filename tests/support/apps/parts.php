<?php
// As parts.py.
function note($path, $text)
{
    if ($path !== null) {
        file_put_contents($path, $text . "\n", FILE_APPEND);
    }
}

$app = new Dora\App();
$app->api('/count', function ($param) {
    for ($i = 0; $i < $param; $i++) {
        yield $i;
    }
});
$app->api('/sum', function ($param) {
    for ($i = 0; $i < $param; $i++) {
        yield "key$i" => $i;
    }
    return ['total' => $param * ($param - 1) / 2];
});
$app->api('/progress', function ($param, Dora\Request $request) {
    $request->progress(0, $param);
    yield 'a';
    $request->progress($param, $param, 'done');
});
$app->api('/fail', function ($param) {
    try {
        yield 1;
        throw new Dora\HandlerException('enough', 7);
    } finally {
        note($param, 'ended');
    }
});
$app->api('/odd', function ($param) {
    try {
        yield 1;
        yield ['rows' => [['price' => new SplStack()]]];
    } finally {
        note($param, 'ended');
    }
});
$app->api('/large', function ($param) {
    try {
        yield str_repeat('x', $param['size']);
    } finally {
        note($param['path'], 'ended');
    }
});
$app->api('/made', fn ($param) => (function () use ($param) {
    for ($i = 0; $i < $param; $i++) {
        yield $i * $i;
    }
})());
$app->api('/endless', function ($param) {
    try {
        for ($i = 0;; $i++) {
            note($param, $i);
            yield $i;
        }
    } finally {
        note($param, 'ended');
    }
});
$app->api('/wait', function ($param) {
    try {
        yield getmypid();
        while (!file_exists("$param.gate")) {
            usleep(10000);
        }
        yield 'last';
    } finally {
        note($param, 'ended');
    }
});
$app->api('/echo', fn ($param) => $param);
return $app;
