<?php
// Handlers that print and raise what their callers say; all names that begin with /php/.
$app = new Dora\App();
$app->api('/php/print', function ($param) {
    fwrite(STDOUT, $param . "\n");
    echo $param, "\n";
});
$app->fallback(function ($param, Dora\Request $request) {
    throw new RuntimeException("$param", 7);
});
return $app;
