<?php
// As tracing.py.

$app = new Dora\App();
$app->api('/php/trace', fn ($param, Dora\Request $request) => $request->trace);
$app->api('/php/on', function ($param, Dora\Request $request) {
    static $client = null;
    $client ??= new Dora\Client(getenv('TRACING_NODES'), ['timeout' => 20]);
    return [$request->trace, $client->call(...$param)];
});
$app->api('/php/as', function ($param) {
    $client = new Dora\Client(getenv('TRACING_NODES'));
    return [$client->call('/py/trace', null, ['trace' => $param]),
        $client->callMany(['a' => ['/py/trace']], ['trace' => $param])['a']];
});
$app->api('/php/priority', fn ($param, Dora\Request $request) => $request->priority);
$app->api('/php/with', function ($param) {
    $client = new Dora\Client(getenv('TRACING_NODES'));
    $other = new Dora\Client(getenv('TRACING_NODES'), ['priority' => $param]);
    return [$client->call('/py/priority', null, ['priority' => $param]),
        $other->call('/py/priority')];
});
return $app;
