--TEST--
An object that is written as an object, and so on without end, is refused with its place
--FILE--
<?php
require __DIR__ . '/common.inc';

class Endless implements JsonSerializable
{
    public function jsonSerialize(): mixed { return new Endless; }
}
class EndlessRow implements JsonSerializable
{
    public function jsonSerialize(): mixed { return ['next' => new EndlessRow]; }
}
class Nested implements JsonSerializable
{
    public function __construct(private int $left) {}
    public function jsonSerialize(): mixed { return $this->left > 1 ? new Nested($this->left - 1) : 'the end'; }
}
class Other {}

$app = new Dora\App(encode: fn(object $value) => new Other);
$app->api('endless', fn() => ['a' => [new Endless]]);
$app->api('other', fn() => new Other);
$app->api('echo', fn($param) => $param);
report(fn() => Dora\Wire::encode(['a' => [1, new Endless]]));
report(fn() => Dora\Wire::encode(new Nested(512)));
report(fn() => Dora\Wire::encode(new Nested(513)));
report(fn() => $app->call('endless'));
report(fn() => $app->call('other'));
report(fn() => $app->call('echo', ['b' => new Other]));
try {
    Dora\Wire::encode(new EndlessRow);
} catch (Dora\Exception $error) {
    echo $error->getCode(), ' ', $error->getMessage(), "\n";
}

echo "arrays have their own limit\n";
$deep = null;
for ($i = 0; $i < 512; $i++) {
    $deep = (object)['k' => $deep];
}
report(fn() => substr_count(Dora\Wire::encode($deep), '{'));
try {
    $app->call('echo', [$deep]);
} catch (Dora\Exception $error) {
    echo $error->getCode(), strrchr($error->getMessage(), ':'), "\n";
}
?>
--EXPECT--
Dora\Exception 100206: $.a[1]: deeper than the limit of 512 levels
"s:7:\"the end\";"
Dora\Exception 100206: $: deeper than the limit of 512 levels
Dora\HandlerException 100208: $.a[0]: deeper than the limit of 512 levels
Dora\HandlerException 100208: $: deeper than the limit of 512 levels
Dora\Exception 100206: $.b: deeper than the limit of 512 levels
100206 $....next.next.next.next.next.next.next.next.next.next.next.next.next.next.next.next: deeper than the limit of 512 levels
arrays have their own limit
512
100206: deeper than the limit of 509 levels
