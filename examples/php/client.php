<?php
/**
 * Calling the products of products.php, from PHP.
 *
 *     php client.php 127.0.0.1:9567
 */

declare(strict_types=1);

$client = new Dora\Client($argv[1] ?? '127.0.0.1:9567', ['timeout' => 2.0]);

$product = $client->call('/product/get', ['id' => 7]);
echo "product 7 is a $product[name] for $product[price]\n";

// Several at once: they run at the same time, in different workers.
$results = $client->callMany([
    'tea' => ['/product/search', ['text' => 'tea']],
    'total' => ['/product/total', [1, 2]],
    'missing' => ['/product/get', ['id' => 99]],
]);
foreach ($results as $key => $result) {
    if ($result instanceof Dora\Exception) {
        echo "$key: failed with {$result->getCode()}: {$result->getMessage()}\n";
    } else {
        echo "$key: ", json_encode($result), "\n";
    }
}

// Work that nobody waits for, and work whose results are fetched together, later.
$client->send('/product/search', ['text' => 'kettle']);
$pot = $client->submit('/product/get', ['id' => 2]);
$sum = $client->submit('/product/total', [1, 2, 3]);
$later = $client->collect();
echo "later: {$later[$pot]['name']}, {$later[$sum]}\n";

// One that is not there: certainly not run, so another server may be asked.
try {
    $client->call('/no/such/api');
} catch (Dora\NotRunException $error) {
    echo "not run: {$error->getMessage()} ({$error->getCode()})\n";
}
