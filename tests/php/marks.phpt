--TEST--
marks: PHP's own unserialize() reads them as this extension does; stdClass and ArrayObject are maps
--FILE--
<?php
require __DIR__ . '/common.inc';

function vectors(string $name): array
{
    return json_decode(file_get_contents(root_dir() . "/tests/vectors/$name.json"), true);
}

/** A value's bytes, read by PHP itself. */
function theirs(string $bytes): mixed
{
    return unserialize($bytes, ['allowed_classes' => false]);
}

$bad = 0;
$marked = vectors('marks')['values'];
foreach ($marked as $vector) {
    $read = Dora\Wire::decode($vector['text']);
    $expected = array_key_exists('php', $vector) ? $vector['php'] : $read;
    if ($read !== theirs($vector['text']) || $read !== $expected) {
        $bad++;
        var_dump($vector['name'], $read, theirs($vector['text']));
    }
}
echo count($marked), " marked values, $bad read otherwise by unserialize()\n";

$bad = $count = 0;
foreach (vectors('marks')['requests'] as $vector) {
    $bad += !is_array(theirs($vector['text']));
}
foreach (['v1', 'older'] as $file) {
    foreach (vectors($file)['valid'] as $vector) {
        $frame = hex2bin($vector['hex']);
        $body = strstr($frame, 'a:');
        if (empty($vector['gzip'])) {
            $count++;
            $bad += theirs($body) !== Dora\Wire::decode($body);
        }
    }
}
echo "$count bodies, $bad read otherwise by unserialize()\n";

echo "what is marked\n";
$numbered = new ArrayObject(['a', 'b']);
$values = [
    [], ['a'], new stdClass, (object)['a'], (object)['k' => new stdClass], new ArrayObject, $numbered,
    new ArrayObject(['k' => 1]), [[], new stdClass], 'text', (object)[1 => 'a'],
];
foreach ($values as $value) {
    echo Dora\Wire::encode($value), "\n";
}

echo "refused\n";
class Odd extends stdClass { public $x = 1; }
class Kept extends ArrayObject { private $secret = 1; }
$self = new stdClass;
$self->me = $self;
report(fn() => Dora\Wire::encode(['a' => new Odd]));
report(fn() => Dora\Wire::encode($self));
echo Dora\Wire::encode(new Kept([1])), "\n";
report(fn() => Dora\Wire::encode((object)['list' => [new ArrayObject([STDIN])]]));
foreach (vectors('marks')['malformed'] as $vector) {
    try {
        Dora\Wire::decode($vector['text']);
        echo "$vector[name]: read\n";
    } catch (Dora\Exception $error) {
        if (!str_ends_with($error->getMessage(), "at byte $vector[offset]")) {
            echo "$vector[name]: ", $error->getMessage(), "\n";
        }
    }
}
?>
--EXPECT--
17 marked values, 0 read otherwise by unserialize()
34 bodies, 0 read otherwise by unserialize()
what is marked
a:0:{}
a:1:{i:0;s:1:"a";}
a:00:{}
a:01:{i:0;s:1:"a";}
a:1:{s:1:"k";a:00:{}}
a:00:{}
a:02:{i:0;s:1:"a";i:1;s:1:"b";}
a:1:{s:1:"k";i:1;}
a:2:{i:0;a:0:{}i:1;a:00:{}}
s:4:"text";
a:1:{i:1;s:1:"a";}
refused
ValueError 0: Dora\Wire::encode(): Argument #1 ($value) cannot be encoded: $.a: no value on the wire for type Odd
ValueError 0: Dora\Wire::encode(): Argument #1 ($value) cannot be encoded: $.me: an object that contains itself
a:01:{i:0;i:1;}
ValueError 0: Dora\Wire::encode(): Argument #1 ($value) cannot be encoded: $.list[0][0]: no value on the wire for type resource
