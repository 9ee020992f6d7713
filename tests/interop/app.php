<?php
// The handlers in PHP: one gives back what it got, one says what that is.
require_once __DIR__ . '/kind.php';

$app = new Dora\App();
$app->api('/php/echo', fn($param) => $param);
$app->api('/php/kind', fn($param) => kind($param));
return $app;
