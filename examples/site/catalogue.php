<?php
/**
 * The site's products: a service in PHP.
 *
 *     dora serve catalogue.php
 */

declare(strict_types=1);

/* `drawing` is the path of an SVG of 64 x 64 units. */
const PRODUCTS = [
    1 => [
        'name' => 'Coffee mill',
        'price' => 61.0,
        'text' => 'Beech and cast iron. Grinds a cup in forty turns, coarse to very fine.',
        'facts' => ['1.2 kg', 'beech', 'made to be repaired'],
        'drawing' => 'M16 34h32v20H16zM12 54h40M20 34c0-8 4-12 12-12s12 4 12 12M32 22v-8h14'
            . 'M46 11v6M26 42h12v6H26zM32 45v0.1',
    ],
    2 => [
        'name' => 'Teapot',
        'price' => 38.25,
        'text' => 'Stoneware with a basket for loose leaves. Pours without a drop on the table.',
        'facts' => ['0.9 litres', 'stoneware', 'any stove but induction'],
        'drawing' => 'M17 30h28c4 12-2 22-6 24H23c-4-2-10-12-6-24zM45 34c10-2 12 12-3 13'
            . 'M17 37c-8-2-6-10-12-11M20 30c2-6 20-6 22 0M31 25v-5M29 18h4',
    ],
    3 => [
        'name' => 'Copper kettle',
        'price' => 84.5,
        'text' => 'Hammered copper, tinned inside. Boils two litres and sings when it does.',
        'facts' => ['2 litres', 'copper', 'tinned by hand'],
        'drawing' => 'M14 54h36c3-8 0-20-10-24H24c-10 4-13 16-10 24zM24 30c2-5 14-5 16 0M32 26v-3'
            . 'M18 30c-2-22 30-22 28 0M49 42c5-2 5-9 11-10',
    ],
];

/* Who answered, and how long it took: the page shows it. */
function served(int $began): array
{
    return [
        'by' => 'PHP ' . PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION,
        'server' => getenv('SITE_SERVER') ?: gethostname(),
        'pid' => getmypid(),
        'ms' => (hrtime(true) - $began) / 1e6,
    ];
}

$app = new Dora\App();

/* ['id' => 1] -> the product. `wait_ms` lets it take longer, to see that services run at once. */
$app->api('/product/get', function (array $param): array {
    $began = hrtime(true);
    $id = $param['id'] ?? null;
    if (!is_int($id) || !isset(PRODUCTS[$id])) {
        throw new Dora\HandlerException('no such product', 404);
    }
    usleep(1000 * max(0, min(1000, (int) ($param['wait_ms'] ?? 0))));
    return ['id' => $id, ...PRODUCTS[$id], 'served' => served($began)];
});

/* -> the names of all products, by id. */
$app->api('/product/names', fn(): array => array_map(fn($each) => $each['name'], PRODUCTS));

return $app;
