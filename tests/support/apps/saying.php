<?php
// As saying.py: by each way that PHP has.
$app = new Dora\App();
$app->api('/php/agent', fn ($param) => DoraRPC\LogAgent::recordLog(4, 't', 'f', 1, $param));
$app->api('/php/error_log', fn ($param) => error_log($param));
$app->api('/php/warning', fn ($param) => trigger_error($param, E_USER_WARNING));
$app->api('/php/own_warning', function ($param) {
    $none = [];
    return $none[$param];
});
$app->api('/php/quiet', fn ($param) => @trigger_error($param, E_USER_WARNING));
$app->api('/php/echo', fn ($param) => print("$param\n"));
return $app;
