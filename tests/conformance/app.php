<?php
// The handler in PHP: says who answered and how it was asked, and leaves a mark in a file.
$app = new Dora\App();
$app->api('/php/say', function (array $param, Dora\Request $request): array {
    file_put_contents($param['marks'], "php {$request->type} {$param['n']}\n", FILE_APPEND);
    return ['from' => 'php', 'type' => $request->type, 'double' => $param['n'] * 2,
            'text' => $param['text']];
});
return $app;
