<?php
/* catalogue.php: what the shop sells. A service in PHP: /product/get, /product/find. */

const PRODUCTS = [
    1 => ['id' => 1, 'name' => 'Coffee mill', 'cents' => 4900],
    2 => ['id' => 2, 'name' => 'Coffee cup', 'cents' => 900],
    3 => ['id' => 3, 'name' => 'Tea pot', 'cents' => 3500],
];

$app = new Dora\App();

/* Stands around every handler: what one of them does not find is a 404. */
$app->middleware(function (callable $next) {
    try {
        return $next();
    } catch (OutOfBoundsException $error) {
        throw new Dora\HandlerException($error->getMessage(), 404);
    }
});

$app->api('/product/get', function (int $id) {
    return PRODUCTS[$id] ?? throw new OutOfBoundsException("no product $id");
}, ['named' => true, 'summary' => 'One product by its number']);

$app->api('/product/find', function (string $word, int $most = 10) {
    $found = array_filter(PRODUCTS, fn ($product) => stripos($product['name'], $word) !== false);
    return array_slice(array_values($found), 0, $most);
}, ['named' => true, 'summary' => 'Products that have a word in their name']);

return $app;
