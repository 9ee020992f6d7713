--TEST--
vectors: every frame of v1.json, whole, byte by byte, and cut at each point
--SKIPIF--
<?php
require __DIR__ . '/common.inc';
if (!is_file(getenv('DORA_VECTORS') ?: root_dir() . '/tests/vectors/v1.json')) {
    die('skip no vectors');
}
?>
--FILE--
<?php
require __DIR__ . '/common.inc';

$vectors = json_decode(file_get_contents(getenv('DORA_VECTORS') ?: root_dir() . '/tests/vectors/v1.json'), true);

function options_of(array $vector, string $salt): array
{
    return ['sign' => $vector['signed'] ?? false, 'gzip' => $vector['gzip'] ?? false,
        'salt' => $vector['salt'] ?? $salt];
}

function is_request(array $vector): bool
{
    return !str_starts_with($vector['name'], 'reply_');
}

/** Feeds the bytes in pieces, as a connection does, and gives the first verdict. */
function feed(string $bytes, int $step, bool $request, array $options): ?array
{
    for ($len = $step; ; $len += $step) {
        $verdict = Dora\Wire::check(substr($bytes, 0, $len), $request, $options);
        if ($verdict !== null || $len >= strlen($bytes)) {
            return $verdict;
        }
    }
}

$seen = 0;
foreach ($vectors['valid'] as $vector) {
    $bytes = hex2bin($vector['hex']);
    $options = options_of($vector, $vectors['salt']);
    $name = $vector['name'];
    $verdict = Dora\Wire::check($bytes, is_request($vector), $options);
    if ($verdict === null || $verdict['code'] !== 0 || $verdict['used'] !== strlen($bytes)) {
        echo "$name: ", json_encode($verdict), "\n";
        continue;
    }
    $message = Dora\Wire::decode($verdict['body']);
    if (isset($vector['message']) && $message != $vector['message']) {
        echo "$name: decodes to ", json_encode($message), "\n";
    }
    if (isset($vector['body']) && $verdict['body'] !== $vector['body']) {
        echo "$name: another body\n";
    }
    if (Dora\Wire::encode($message) !== $verdict['body'] || serialize($message) !== $verdict['body']) {
        echo "$name: encodes to other bytes\n";
    }
    $guid = substr($bytes, $options['sign'] ? 8 : 4, 32);
    $packed = Dora\Wire::pack($guid, $verdict['body'], $options);
    if ($options['gzip']) {
        $same = Dora\Wire::check($packed, is_request($vector), $options) == ['used' => strlen($packed)] + $verdict;
    } else {
        $same = $packed === $bytes;
    }
    if (!$same) {
        echo "$name: packs to another frame\n";
    }
    if (feed($bytes, 1, is_request($vector), $options) !== $verdict) {
        echo "$name: another verdict byte by byte\n";
    }
    for ($cut = 0; $cut < strlen($bytes); $cut++) {
        if (Dora\Wire::check(substr($bytes, 0, $cut), is_request($vector), $options) !== null) {
            echo "$name: a verdict on $cut bytes\n";
        }
    }
    $two = Dora\Wire::check($bytes . substr($bytes, 0, 20), is_request($vector), $options);
    if ($two !== $verdict) {
        echo "$name: bytes behind the frame matter\n";
    }
    $seen++;
}
echo "valid: $seen of ", count($vectors['valid']), "\n";

$seen = 0;
foreach ($vectors['invalid'] as $vector) {
    $bytes = hex2bin($vector['hex']);
    $options = options_of($vector, $vectors['salt']);
    $name = $vector['name'];
    $verdict = Dora\Wire::check($bytes, true, $options);
    $closes = $verdict !== null && $verdict['used'] === 0;
    if ($verdict === null || $verdict['code'] !== $vector['code'] || $closes !== ($vector['closes'] ?? false)) {
        echo "$name: expected ", $vector['code'], ', got ', json_encode($verdict), "\n";
        continue;
    }
    if (feed($bytes, 1, true, $options) !== $verdict) {
        echo "$name: another verdict in pieces\n";
    }
    for ($cut = 0; $cut < strlen($bytes); $cut++) {
        $early = Dora\Wire::check(substr($bytes, 0, $cut), true, $options);
        if ($early !== null && $early !== $verdict) {
            echo "$name: another verdict on $cut bytes\n";
        }
    }
    $seen++;
}
echo "invalid: $seen of ", count($vectors['invalid']), "\n";
?>
--EXPECT--
valid: 19 of 19
invalid: 24 of 24
