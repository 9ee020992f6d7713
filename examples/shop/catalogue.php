<?php
/* catalogue.php: what the shop sells. A service in PHP: /product/get, /product/find. */

final class Product
{
    public function __construct(
        public readonly int $id,
        public readonly string $name,
        public readonly int $cents,
    ) {}
}

enum By: string
{
    case Name = 'name';
    case Price = 'price';
}

/** What is looked for. A call's map is made into one, or refused, before the handler runs. */
final class Search
{
    public function __construct(
        public readonly string $word,
        public readonly int $most = 10,
        public readonly By $by = By::Name,
    ) {
        if ($most < 1) {
            throw new InvalidArgumentException('most is at least 1');
        }
    }
}

/** @return array<int, Product> by their numbers */
function products(): array
{
    return [
        1 => new Product(1, 'Coffee mill', 4900),
        2 => new Product(2, 'Coffee cup', 900),
        3 => new Product(3, 'Tea pot', 3500),
    ];
}

$app = new Dora\App();

/* Stands around every handler: what one of them does not find is a 404. */
$app->middleware(function (callable $next) {
    try {
        return $next();
    } catch (OutOfBoundsException $error) {
        throw new Dora\HandlerException($error->getMessage(), 404);
    }
});

$app->api('/product/get', function (int $id): Product {
    return products()[$id] ?? throw new OutOfBoundsException("no product $id");
}, ['named' => true, 'summary' => 'One product by its number']);

/**
 * Products that have a word in their name
 * @return list<Product>
 */
$app->api('/product/find', function (Search $search): array {
    $fits = fn (Product $each) => stripos($each->name, $search->word) !== false;
    $found = array_filter(products(), $fits);
    usort($found, fn (Product $one, Product $other) => match ($search->by) {
        By::Name => $one->name <=> $other->name,
        By::Price => $one->cents <=> $other->cents,
    });
    return array_slice($found, 0, $search->most);
});

return $app;
