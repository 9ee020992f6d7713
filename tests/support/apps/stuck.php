<?php
// Handlers that do not end, and what does not end after a handler.
$app = new Dora\App();

class Endless
{
    public function __destruct()
    {
        while (true) {
        }
    }
}

function mark($path)
{
    if ($path) {
        touch($path);
    }
}

$app->api('/echo', fn ($param) => $param);
$app->api('/pid', fn ($param) => getmypid());

$app->api('/loop', function ($param) {
    mark($param);
    while (true) {
    }
});

// An object in a cycle that somebody's static holds until the worker resets what belongs to a task.
$app->api('/after', function ($param) {
    if ($param === 'shutdown') {
        register_shutdown_function(function () {
            while (true) {
            }
        });
    } elseif ($param === 'output') {
        ob_start(function () {
            while (true) {
            }
        });
    } else {
        $GLOBALS['_GET']['kept'] = new Endless();
    }
    return getmypid();
});

$app->run();
