--TEST--
values: PHP to wire and back, and what has no place on the wire
--FILE--
<?php
require __DIR__ . '/common.inc';

$values = [
    null, true, false, 0, 7, -1, PHP_INT_MAX, PHP_INT_MIN,
    0.1, 3.0, -0.0, 5e-324, 1.7976931348623157e308, 1e25, 1.0E-10, INF, -INF,
    '', 'x', 'ab', "\xff\0\"};", '前后端分离', str_repeat('long', 100000),
    [], [1], [1, 'two', 3.5, null, [true]], ['a' => 1], ['a' => ['b' => ['c' => []]]],
    [3 => 'c', 1 => 'a'], ['07' => 1, '7' => 2, '-5' => 3, '-0' => 4], [0 => 'a', 1 => 'b', 5 => 'c'],
    [0 => 'a', 'k' => 'b', 1 => 'c'], range(1, 5000), array_fill_keys(range(10, 3000), 'v'),
    ['' => 1, ' ' => 2, "\0" => 3],
];
$bad = 0;
foreach ($values as $value) {
    $bytes = Dora\Wire::encode($value);
    $back = Dora\Wire::decode($bytes);
    if ($bytes !== serialize($value) || $back !== $value || serialize($back) !== $bytes) {
        $bad++;
        var_dump($value, $bytes, $back);
    }
}
echo count($values), " values, $bad bad\n";
var_dump(is_nan(Dora\Wire::decode(Dora\Wire::encode(NAN))));

echo "lists are packed, references followed\n";
$one = 1;
$refs = [&$one, 'k' => &$one];
echo Dora\Wire::encode($refs), "\n";
$shared = [1, 2];
echo Dora\Wire::encode([$shared, $shared]), "\n";
$list = Dora\Wire::decode('a:3:{i:0;i:1;i:1;i:2;i:2;i:3;}');
$list[] = 4;
echo json_encode($list), "\n";

echo "refused\n";
class Point { public $x = 1; }
enum Suit { case Hearts; }
$self = [1];
$self['me'] = &$self;
$deep = [];
for ($i = 0; $i < 510; $i++) {
    $deep = [$deep];
}
report(fn() => strlen(Dora\Wire::encode($deep)));
report(fn() => Dora\Wire::encode(['rows' => [1, 2, 3, new Point]]));
report(fn() => Dora\Wire::encode(new SplObjectStorage));
report(fn() => Dora\Wire::encode([Suit::Hearts]));
report(fn() => Dora\Wire::encode(['a b' => ['c' => fn() => 1]]));
report(fn() => Dora\Wire::encode([STDIN]));
report(fn() => Dora\Wire::encode($self));
try {
    Dora\Wire::encode([[$deep]]);
} catch (Dora\Exception $error) {
    echo $error->getCode(), ' ', strrchr($error->getMessage(), ':'), "\n";
}

$self = null;

echo "bytes that are no value\n";
$refused = [
    '', 'N', 'i:1', 'i:1;i:2;', 'b:2;', 'i:9223372036854775808;', 'i:1.5;', 's:3:"ab";', 's:-1:"";', 's:2:"abc";',
    'a:1:{i:0;i:1;', 'a:2:{i:0;i:1;}', 'a:1:{i:0;i:1;i:1;i:2;}', 'a:1:{d:1;i:0;}', 'a:4294967295:{', 'd:abc;',
    'O:5:"Point":0:{}', 'C:11:"ArrayObject":0:{}', 'E:11:"Suit:Hearts";', 'R:1;', 'r:1;', 'a:1:{i:0;R:1;}',
];
foreach ($refused as $bytes) {
    try {
        Dora\Wire::decode($bytes);
        echo "taken: $bytes\n";
    } catch (Dora\Exception $error) {
        if ($error->getCode() !== 100006) {
            echo $bytes, ': ', $error->getCode(), "\n";
        }
    }
}
report(fn() => Dora\Wire::decode('a:2:{i:0;i:1;i:1;X}'));

echo "cut anywhere\n";
$whole = Dora\Wire::encode(['a' => [1, 2.5, "x\0y", null], 'b' => ['c' => true]]);
$taken = 0;
for ($i = 0; $i < strlen($whole); $i++) {
    try {
        Dora\Wire::decode(substr($whole, 0, $i));
        $taken++;
    } catch (Dora\Exception) {
    }
}
echo "$taken taken\n";
?>
--EXPECT--
35 values, 0 bad
bool(true)
lists are packed, references followed
a:2:{i:0;i:1;s:1:"k";i:1;}
a:2:{i:0;a:2:{i:0;i:1;i:1;i:2;}i:1;a:2:{i:0;i:1;i:1;i:2;}}
[1,2,3,4]
refused
5106
ValueError 0: Dora\Wire::encode(): Argument #1 ($value) cannot be encoded: $.rows[3]: no value on the wire for type Point
ValueError 0: Dora\Wire::encode(): Argument #1 ($value) cannot be encoded: $: no value on the wire for type SplObjectStorage
ValueError 0: Dora\Wire::encode(): Argument #1 ($value) cannot be encoded: $[0]: no value on the wire for type Suit
ValueError 0: Dora\Wire::encode(): Argument #1 ($value) cannot be encoded: $["a b"].c: no value on the wire for type Closure
ValueError 0: Dora\Wire::encode(): Argument #1 ($value) cannot be encoded: $[0]: no value on the wire for type resource
ValueError 0: Dora\Wire::encode(): Argument #1 ($value) cannot be encoded: $.me: an array that contains itself
100206 : deeper than the limit of 512 levels
bytes that are no value
Dora\Exception 100006: malformed bytes at byte 17
cut anywhere
0 taken
