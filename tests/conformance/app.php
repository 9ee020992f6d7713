<?php
// The handlers in PHP: they say who answered and how it was asked, at once or behind parts, and
// leave a mark in a file.
$app = new Dora\App();
function leave_mark(array $param, Dora\Request $request): void
{
    file_put_contents($param['marks'], "php {$request->type} {$param['n']}\n", FILE_APPEND);
}

function answer(array $param, Dora\Request $request): array
{
    return ['from' => 'php', 'type' => $request->type, 'double' => $param['n'] * 2,
            'text' => $param['text']];
}

$app->api('/php/say', function (array $param, Dora\Request $request): array {
    leave_mark($param, $request);
    return answer($param, $request);
});
$app->api('/php/parts', function (array $param, Dora\Request $request): Generator {
    leave_mark($param, $request);
    $count = [10 => 3, 11 => 2, 12 => 1000000][$param['n']];
    for ($part = 0; $part < $count; $part++) {
        yield ['part' => $part, 'text' => $param['text']];
    }
    if ($param['n'] === 11) {
        throw new RuntimeException('on purpose', 71);
    }
    return answer($param, $request);
});
return $app;
