<?php
// What a worker is: for who looks at its descriptors.
$app = new Dora\App();
$app->api('/php/pid', fn () => getmypid());
return $app;
