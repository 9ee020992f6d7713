--TEST--
Dora\Wire: frames and their options
--FILE--
<?php
require __DIR__ . '/common.inc';

$guid = str_repeat('g', 32);
$frame = Dora\Wire::pack($guid, 'a:0:{}');
echo bin2hex(substr($frame, 0, 4)), ' ', substr($frame, 4), "\n";
echo json_encode(Dora\Wire::check($frame)), "\n";

$signed = ['sign' => true];
$frame = Dora\Wire::pack($guid, 'a:0:{}', $signed);
echo bin2hex(substr($frame, 4, 4)) === hash('crc32b', 'a:0:{}=&$*#@(*&%(@') ? "signed\n" : "wrong signature\n";
echo json_encode(Dora\Wire::check($frame, false, $signed)), "\n";
echo Dora\Wire::check($frame, false, ['sign' => true, 'salt' => 'pepper'])['code'], "\n";

$zipped = ['gzip' => true];
$frame = Dora\Wire::pack($guid, serialize(str_repeat('a', 100000)), $zipped);
echo strlen($frame) < 1000 ? "compressed\n" : "not compressed\n";
echo strlen(Dora\Wire::check($frame, false, $zipped)['body']), "\n";
echo Dora\Wire::check($frame, false, $zipped + ['bytesMax' => 5000])['code'], "\n";

report(fn() => Dora\Wire::pack('short', 'N;'));
report(fn() => Dora\Wire::pack($guid, str_repeat('x', 3000000)));
report(fn() => Dora\Wire::pack($guid, 'N;', ['zip' => true]));
report(fn() => Dora\Wire::pack($guid, 'N;', ['bytesMax' => 0]));
report(fn() => Dora\Wire::pack($guid, 'N;', ['salt' => 5]));
report(fn() => Dora\Wire::pack($guid, 'N;', [1]));
?>
--EXPECT--
00000026 gggggggggggggggggggggggggggggggga:0:{}
{"used":42,"code":0,"msg":"","body":"a:0:{}"}
signed
{"used":46,"code":0,"msg":"","body":"a:0:{}"}
100005
compressed
100012
100206
ValueError 0: Dora\Wire::pack(): Argument #1 ($guid) must be 32 bytes long
Dora\Exception 100206: frame: larger than the limit of 2097152 bytes
ValueError 0: Dora\Wire::pack(): Argument #3 ($options) must not have an unknown option "zip" (there are: sign, salt, gzip, bytesMax)
ValueError 0: Dora\Wire::pack(): Argument #3 ($options) must have a positive int as "bytesMax"
TypeError 0: Dora\Wire::pack(): Argument #3 ($options) must have a string without NUL bytes as "salt"
ValueError 0: Dora\Wire::pack(): Argument #3 ($options) must have names of options as keys
