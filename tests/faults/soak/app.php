<?php
// The soak's handlers in PHP. What runs is booked first: who asked, and which handler.
function note(array $param, string $name): void
{
    file_put_contents(getenv('DORA_SOAK_BOOK'), "{$param['n']} $name\n", FILE_APPEND);
}

$app = new Dora\App();
$app->api('/php/echo', function (array $param) {
    note($param, '/php/echo');
    return $param;
});
$app->api('/php/slow', function (array $param) {
    note($param, '/php/slow');
    usleep(50000);  // so that faults find it at work
    return $param;
});
$app->api('/php/parts', function (array $param) {
    note($param, '/php/parts');
    try {
        for ($number = 0; $number < 20; $number++) {
            yield [$number, $param];
            usleep(2000);
        }
        return $param;
    } finally {
        note($param, 'closed:/php/parts');
    }
});
$app->api('/php/over', function (array $param) {
    note($param, '/php/over');
    while (true) {
        usleep(10000);
    }
}, ['timeLimit' => 0.1]);
$app->api('/php/hold', function (string $path) {
    touch("$path.begun." . getmypid());
    while (!file_exists($path)) {
        clearstatcache();
        usleep(10000);
    }
});
return $app;
