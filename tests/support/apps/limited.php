<?php
// As limited.py.
$app = new Dora\App();

$sleep = function ($param) {
    usleep((int)($param * 1e6));
    return getmypid();
};
$app->api('/pool', $sleep);
$app->api('/short', $sleep, ['timeLimit' => 0.3]);
$app->api('/second', $sleep, ['timeLimit' => 1]);
$app->api('/long', $sleep, ['timeLimit' => 60.0]);
$app->api('/none', $sleep, ['timeLimit' => 0]);
$app->api('/unsaid', $sleep, ['timeLimit' => null]);

// What it leaves does not end.
$app->api('/after', function () {
    register_shutdown_function(function () {
        while (true) {
        }
    });
    return getmypid();
}, ['timeLimit' => 0.4]);

$app->api('/inner', $sleep);
$app->api('/outer', function (string $param) use ($app) {
    try {
        $app->call($param, 20);
    } catch (Exception $error) {
        echo 'kept ', get_class($error), "\n";
    } catch (Dora\Interrupted $error) {
        echo "ended within $param\n";
        throw $error;
    }
}, ['timeLimit' => 0.3]);

$app->run();
