<?php
/** For a load balancer or a monitoring: 200 when each service answers, else 503. */

declare(strict_types=1);

require __DIR__ . '/../shop.php';

[$answers, $ms] = ask([
    'product' => ['/product/names', null],
    'reviews' => ['/review/list', ['product' => 1]],
]);
$failed = array_filter($answers, fn($answer) => $answer instanceof Dora\Exception);

http_response_code($failed ? 503 : 200);
header('Content-Type: application/json');
header('Cache-Control: no-store');
echo json_encode([
    'ok' => !$failed,
    'ms' => round($ms, 2),
    'services' => array_map(
        fn($answer) => $answer instanceof Dora\Exception
            ? ['ok' => false, 'code' => $answer->getCode()]
            : ['ok' => true],
        $answers
    ),
]), "\n";
