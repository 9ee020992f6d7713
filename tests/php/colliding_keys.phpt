--TEST--
Arrays whose keys were chosen to collide are refused, not built for seconds; others are built
--FILE--
<?php
require __DIR__ . '/common.inc';

/* Ints are placed by their low bits. */
function ints(int $count, int $bits = 20): string
{
    $pairs = '';
    for ($i = 1; $i <= $count; $i++) {
        $pairs .= 'i:' . ($i << $bits) . ';N;';
    }
    return "a:$count:{{$pairs}}";
}

/* Strings by a sum without a secret, in which Ez and FY are the same. */
function strings(int $count, int $size): string
{
    $pairs = '';
    for ($i = 0; $i < $count; $i++) {
        $key = strtr(str_pad(decbin($i), $size, '0', STR_PAD_LEFT), ['0' => 'Ez', '1' => 'FY']);
        $pairs .= 's:' . strlen($key) . ":\"$key\";N;";
    }
    return "a:$count:{{$pairs}}";
}

function decode(string $what, string $bytes): void
{
    try {
        $count = count(Dora\Wire::decode($bytes));
        echo $what, ': ', $count, " members\n";
    } catch (Dora\Exception $e) {
        echo $what, ': ', $e->getCode(), ' ', preg_replace('/\d+$/', 'N', $e->getMessage()), "\n";
    }
}

decode('ints', ints(65536));
decode('strings', strings(30000, 15));
decode('the same twice', 'a:2:{i:0;' . ints(5000) . 'i:1;' . ints(5000) . '}');
decode('in one of many', 'a:2:{i:0;N;s:1:"k";' . ints(65536) . '}');
decode('not many', ints(4000));
decode('not many strings', strings(4000, 12));

$random = [];
mt_srand(7);
while (count($random) < 60000) {
    $random[mt_rand() << 20 | mt_rand()] = null;
}
$names = [];
for ($i = 0; $i < 60000; $i++) {
    $names["key-$i"] = $i;
}
$thousands = array_combine(array_map(fn ($i) => $i * 1000, range(1, 60000)), range(1, 60000));
foreach ([$random, $names, $thousands, range(0, 60000), [1 => 1] + range(0, 5000)] as $value) {
    var_dump(Dora\Wire::decode(Dora\Wire::encode($value)) === $value);
}
--EXPECT--
ints: 100006 an array whose keys collide, as if chosen to cost time at byte N
strings: 100006 an array whose keys collide, as if chosen to cost time at byte N
the same twice: 100006 an array whose keys collide, as if chosen to cost time at byte N
in one of many: 100006 an array whose keys collide, as if chosen to cost time at byte N
not many: 4000 members
not many strings: 4000 members
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
