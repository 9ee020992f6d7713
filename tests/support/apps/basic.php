<?php
// Handlers for the server's tests: each does one thing a server must survive.
$app = new Dora\App();
$app->api('/php/echo', fn($param) => $param);
$app->api('/php/pid', fn($param) => getmypid());
$app->api('/php/sleep', function ($param) {
    usleep($param * 1000);
    return getmypid();
});
$app->api('/php/die', function ($param) {
    if ($param === 'exit') {
        exit(3);
    }
    if ($param === 'memory') {
        ini_set('memory_limit', '16M');
        return strlen(str_repeat('x', 64 << 20));
    }
    if ($param === 'fatal') {
        no_such_function_declared();
    }
    if ($param === 'segv') {
        posix_kill(getmypid(), 11);
    }
    return 'still here';
});
$app->api('/php/raise', function ($param) {
    throw new Exception($param['msg'], $param['code']);
});
return $app;
