<?php
// Handlers that go wrong, each in its own way: faulty.py does the same.

class Unfit extends RuntimeException
{
}

$app = new Dora\App();
$app->api('/php/raise', function ($param) { throw new DomainException($param); });
$app->api('/php/code', function ($param) { throw new Unfit($param, 4711); });
$app->api('/php/deliberate', function ($param) { throw new Dora\HandlerException($param, 42); });
$app->api('/php/refused', fn ($param) => ['items' => [1, new Exception()]]);
$app->api('/php/big', fn ($param) => str_repeat('x', $param));
$app->api('/php/exit', function ($param) { exit($param); });
$app->api('/php/fatal', function ($param) { eval('class A { abstract function b(); }'); });
$app->api('/php/signal', function ($param) { exec('kill -9 ' . getmypid()); });
$app->api('/php/hang', function ($param) { while (true) { sleep(1); } });
$app->api('/php/echo', fn ($param) => $param);
$no_text = "\xff" . str_repeat('y', 40000);
$app->api('/php/no_json', fn ($param) => ['x' => [1, $param === 'nan' ? NAN : $no_text]]);
return $app;
