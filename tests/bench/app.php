<?php
// The benchmark's application in PHP: a handler that does nothing.
$app = new Dora\App();
$app->api('/bench/hello', fn($param) => 'hello');
return $app;
