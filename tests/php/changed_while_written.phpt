--TEST--
Code that a value runs while it is written may change what references lead to; the value stays as it was
--FILE--
<?php
require __DIR__ . '/common.inc';

/** Runs something when it is written. */
class Acts implements JsonSerializable
{
    public function __construct(private Closure $act) {}
    public function jsonSerialize(): mixed { ($this->act)(); return 'acted'; }
}
class Ends extends Acts
{
    public function __destruct() { throw new DomainException('at its end'); }
}
class Acting extends ArrayObject
{
    public Closure $act;
    public function getArrayCopy(): array { ($this->act)(); return ['acted']; }
}
class Other {}

/** Takes the place of what was freed, whatever size it had. */
function fill(): void
{
    global $filling;
    for ($size = 1; $size < 500; $size += 4) {
        $filling[] = str_repeat('B', $size);
        $filling[] = str_repeat('C', $size);
    }
}

$clear = function () use (&$list) { $list = null; fill(); };
$app = new Dora\App(encode: function (object $value) use ($clear) { $clear(); return 'encoded'; });
$app->api('echo', fn($param) => $param);
$send = function () use ($app, &$list) { return $app->call('echo', ['l' => &$list, 'm' => 1]); };

$list = [];
for ($i = 0; $i < 8; $i++) {
    $list[] = new Acts(function () use (&$list) { for ($i = 0; $i < 2000; $i++) { $list[] = "more $i"; } });
}
report(fn() => count($send()['l']));
var_dump(count($list));

$text = fn(string $text): string => strrev(strrev($text)); /* no constant */
$list = [$text('first') => new Acts($clear), $text('second') => $text('two'), 'third' => [$text('three')]];
report($send);
$list = [$text('first') => new Acts($clear), $text('second') => STDIN];
report($send);
$list = [$text('first') => [new Acts(function () use ($clear) { $clear(); throw new DomainException('no'); })]];
report($send);
$list = [$text('first') => new Other, $text('second') => $text('two')];
report($send);
$list = new Acting();
$list->act = $clear;
report($send);
$list = new Acts($clear);
report($send);
$list = new Ends($clear);
report($send);

echo "calls\n";
$server = new Server('(new Dora\App())->api("/a_name_to_echo", fn($param) => $param) RUN;');
$client = $server->client();
$entry = [$text('/a_name_to_echo'), new Acts(function () use (&$entry) { $entry = null; fill(); })];
report(fn() => $client->callMany(['k' => &$GLOBALS['entry']]));
var_dump($entry, $server->stop());
?>
--EXPECT--
8
int(16008)
{"l":{"first":"acted","second":"two","third":["three"]},"m":1}
TypeError 0: $.l.second: no value on the wire for type resource
DomainException 0: no
{"l":{"first":"encoded","second":"two"},"m":1}
{"l":["acted"],"m":1}
{"l":"acted","m":1}
DomainException 0: at its end
calls
{"k":"acted"}
NULL
int(0)
