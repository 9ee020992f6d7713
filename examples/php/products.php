<?php
/**
 * A shop's catalogue, served over Dora.
 *
 * Alone:          php products.php
 * By the server:  dora serve products.php
 * Beside others:  dora serve products.php users.py
 */

declare(strict_types=1);

final class Catalogue
{
    private const PRODUCTS = [
        1 => ['id' => 1, 'name' => 'Copper kettle', 'price' => 24.5, 'tags' => ['kitchen']],
        2 => ['id' => 2, 'name' => 'Teapot', 'price' => 18.25, 'tags' => ['kitchen', 'tea']],
        3 => ['id' => 3, 'name' => 'Green tea, 500 g', 'price' => 12.25, 'tags' => ['tea']],
        7 => ['id' => 7, 'name' => 'Coffee mill', 'price' => 61.0, 'tags' => ['kitchen', 'coffee']],
    ];

    /** ['id' => 7] -> the product. */
    public function get(array $param): array
    {
        $id = $param['id'] ?? null;
        if (!is_int($id)) {
            throw new Dora\HandlerException('id must be an int', 400);
        }
        return self::PRODUCTS[$id] ?? throw new Dora\HandlerException("no product $id", 404);
    }

    /** ['text' => 'tea', 'limit' => 10] -> the products with the text in name or tags. */
    public function search(array $param): array
    {
        $text = $param['text'] ?? '';
        $found = array_filter(
            self::PRODUCTS,
            fn(array $product) =>
                stripos("$product[name] " . implode(' ', $product['tags']), $text) !== false
        );
        return array_slice(array_values($found), 0, $param['limit'] ?? 10);
    }
}

$catalogue = new Catalogue();

$app = new Dora\App();
$app->api('/product/get', [$catalogue, 'get']);
$app->api('/product/search', [$catalogue, 'search']);

/* [1, 2] -> the sum of their prices. */
$app->api('/product/total', fn(array $ids): float => array_sum(
    array_map(fn(int $id) => $catalogue->get(['id' => $id])['price'], $ids)
));

/* A second parameter asks for what the server knows about this very call. */
$app->api('/product/whoami', fn(mixed $param, Dora\Request $request): array => [
    'name' => $request->name,
    'guid' => $request->guid,
    'remaining_ms' => $request->remainingMs,
]);

$app->workerStart(function (int $worker): void {
    fwrite(STDERR, "worker $worker has the catalogue open\n");
});

$app->run(['port' => 9567]);
