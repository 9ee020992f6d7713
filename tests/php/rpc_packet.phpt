--TEST--
DoraRPC\Packet: envelopes, frames, JSON, and the vectors
--FILE--
<?php
require __DIR__ . '/common.inc';

use DoraRPC\Packet;

echo json_encode(Packet::packFormat('g')), "\n";
echo json_encode(Packet::packFormat('g', 'bad', 7, ['x' => 1])), "\n";
echo json_encode(Packet::packFormat(null, code: '8')), "\n";

$guid = str_repeat('a', 32);
$message = Packet::packFormat($guid, '前后端', 0, ['k' => [1, 2.5, null]]);
$frame = Packet::packEncode($message);
echo bin2hex(substr($frame, 0, 4)), ' ', substr($frame, 4) === $guid . serialize($message) ? "as serialize()\n" : "other bytes\n";
var_dump(Packet::packDecode($frame) === Packet::packFormat($guid, 'OK', 0, $message));
echo Packet::packEncode(['b' => 1.5, 'a' => '/前'], 'http'), "\n";

echo "the settings\n";
foreach ([['1', '0'], ['0', '1'], ['1', '1']] as [$sign, $gzip]) {
    ini_set('dora.sign', $sign);
    ini_set('dora.gzip', $gzip);
    $packed = Packet::packEncode($message);
    $options = ['sign' => $sign === '1', 'gzip' => $gzip === '1'];
    echo "sign $sign gzip $gzip: ", Dora\Wire::check($packed, false, $options)['body'] === serialize($message) ? 'read ' : 'other ';
    echo Packet::packDecode($packed)['data'] === $message ? 'decoded ' : 'other ';
    $packed[strlen($packed) - 1] = "\xfe";
    $broken = Packet::packDecode($packed);
    echo $broken['guid'] === $guid ? '' : 'other guid ', $broken['code'], ' ', $broken['msg'], "\n";
}
ini_set('dora.sign', '1');
ini_set('dora.gzip', '0');
ini_set('dora.salt', 'pepper');
$packed = Packet::packEncode($message);
echo Packet::packDecode($packed)['code'];
ini_restore('dora.salt');
echo ' ', Packet::packDecode($packed)['code'], "\n";
ini_restore('dora.sign');

echo "not a frame\n";
foreach (['', 'abc', substr($frame, 0, -1), $frame . 'x', "\0\0\0\5hello", "\x7f\xff\xff\xff", Dora\Wire::pack($guid, 'a:1:{')] as $bytes) {
    $answer = Packet::packDecode($bytes);
    echo implode(',', array_keys($answer)), ' ', substr($answer['guid'], 0, 3), ' ', $answer['code'], ' ', json_encode($answer['data']), "\n";
}
report(fn() => Packet::packDecode(Dora\Wire::pack($guid, 'O:8:"stdClass":0:{}'))['code']);
report(fn() => Packet::packEncode(['guid' => 'short']));
report(fn() => Packet::packEncode('text'));
report(fn() => Packet::packEncode($message, 'udp'));
report(fn() => Packet::packEncode(['guid' => $guid, 'o' => [new SplObjectStorage]]));
report(fn() => Packet::packEncode(['guid' => $guid, 's' => str_repeat('x', 3 << 20)]));
report(fn() => Packet::packEncode(["\xff"], 'http'));

$vectors = getenv('DORA_VECTORS') ?: root_dir() . '/tests/vectors/v1.json';
foreach (is_file($vectors) ? json_decode(file_get_contents($vectors), true)['valid'] : [] as $vector) {
    ini_set('dora.sign', (string)(int)($vector['signed'] ?? false));
    ini_set('dora.gzip', (string)(int)($vector['gzip'] ?? false));
    $bytes = hex2bin($vector['hex']);
    $decoded = Packet::packDecode($bytes);
    $back = $decoded['code'] === 0 ? Packet::packEncode($decoded['data']) : '';
    $same = ($vector['gzip'] ?? false) ? Packet::packDecode($back) === $decoded : $back === $bytes;
    echo $same ? '' : "$vector[name]: $decoded[code] $decoded[msg]\n";
}
?>
--EXPECT--
{"guid":"g","code":0,"msg":"OK","data":[]}
{"guid":"g","code":7,"msg":"bad","data":{"x":1}}
{"guid":null,"code":"8","msg":"OK","data":[]}
000000b9 as serialize()
bool(true)
{"b":1.5,"a":"\/\u524d"}
the settings
sign 1 gzip 0: read decoded 100005 signature is wrong
sign 0 gzip 1: read decoded 100006 body cannot be decoded
sign 1 gzip 1: read decoded 100005 signature is wrong
0 100005
not a frame
guid,code,msg,data 000 100007 []
guid,code,msg,data 000 100007 []
guid,code,msg,data aaa 100007 []
guid,code,msg,data aaa 100007 []
guid,code,msg,data 000 100007 []
guid,code,msg,data 000 100206 []
guid,code,msg,data aaa 100006 []
100006
ValueError 0: DoraRPC\Packet::packEncode(): Argument #1 ($data) must be an array with a "guid" of 32 bytes
ValueError 0: DoraRPC\Packet::packEncode(): Argument #1 ($data) must be an array with a "guid" of 32 bytes
{"guid":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","code":100006,"msg":"the type of a packet must be tcp or http","data":[]}
ValueError 0: DoraRPC\Packet::packEncode(): Argument #1 ($data) cannot be encoded: $.o[0]: no value on the wire for type SplObjectStorage
Dora\Exception 100206: data: larger than the limit of 2097152 bytes
ValueError 0: DoraRPC\Packet::packEncode(): Argument #1 ($data) has no form in JSON (json_encode() says more)
