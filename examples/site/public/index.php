<?php
/** A product and its reviews: two services, asked at once. */

declare(strict_types=1);

require __DIR__ . '/../shop.php';

$id = filter_input(INPUT_GET, 'id', FILTER_VALIDATE_INT) ?: 1;
$wait = filter_input(INPUT_GET, 'wait', FILTER_VALIDATE_INT) ?: 0;

[$answers, $ms] = ask([
    'names' => ['/product/names', null],
    'product' => ['/product/get', ['id' => $id, 'wait_ms' => $wait]],
    'reviews' => ['/review/list', ['product' => $id, 'wait_ms' => $wait]],
]);

// What failed is null, and its part of the page says so; the rest is shown.
$failed = array_filter($answers, fn($answer) => $answer instanceof Dora\Exception);
['names' => $names, 'product' => $product, 'reviews' => $reviews] =
    array_map(fn($answer) => $answer instanceof Dora\Exception ? null : $answer, $answers);

// Without its product the page is shown, too, but nobody should keep it.
if (isset($failed['product'])) {
    http_response_code($failed['product']->getCode() === 404 ? 404 : 503);
}
header('Cache-Control: no-store');
require __DIR__ . '/../page.php';
