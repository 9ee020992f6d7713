<?php
// The benchmark's application in PHP.
$app = new Dora\App();
$app->api('/bench/hello', fn($param) => 'hello');
$app->api('/bench/get', fn($param) => ['id' => $param['id'], 'ok' => true]);
$app->api('/bench/echo', fn($param) => $param);
$app->api('/bench/size', fn($param) => strlen($param));
$app->api('/bench/parts', function ($param) {
    $part = str_repeat('x', 100);
    while (true) {
        yield $part;
    }
}, ['timeLimit' => 0]);
$app->api('/bench/drips', function ($param) {
    $part = str_repeat('x', 100);
    while (true) {
        usleep(20000);
        yield $part;
    }
}, ['timeLimit' => 0]);
return $app;
