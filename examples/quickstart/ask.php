<?php
/**
 * Asks one server for answers of Python, PHP and C handlers: one by one, then all at once.
 *
 *     php ask.php 127.0.0.1:9567
 */

declare(strict_types=1);

$client = new Dora\Client($argv[1]);

$user = $client->call('/user/get', ['id' => 7]);
echo "single  /user/get      from Python: $user[name]\n";
$product = $client->call('/product/get', ['id' => 7]);
echo "single  /product/get   from PHP:    $product[name]\n";

$results = $client->callMany([
    'user' => ['/user/get', ['id' => 7]],
    'product' => ['/product/get', ['id' => 7]],
    'orders' => ['/order/total', ['user' => 7]],
]);
printf(
    "many    all three      at once:     %s, %s, %.2f\n",
    $results['user']['name'],
    $results['product']['name'],
    $results['orders']['total'],
);
