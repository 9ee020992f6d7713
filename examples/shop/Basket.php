<?php
/* Basket.php: what a page of the shop does with the services. It takes any Dora\ClientInterface. */

final class Basket
{
    /** @var array<int, int> product => count */
    private array $counts = [];

    public function __construct(private Dora\ClientInterface $client) {}

    public function add(int $product, int $count = 1): void
    {
        $this->counts[$product] = ($this->counts[$product] ?? 0) + $count;
    }

    /** What all of it costs; asks for all products at once. */
    public function cents(): int
    {
        $calls = [];
        foreach (array_keys($this->counts) as $id) {
            $calls[$id] = ['/product/get', ['id' => $id]];
        }
        $cents = 0;
        foreach ($this->client->callMany($calls) as $id => $product) {
            if ($product instanceof Dora\Exception) {
                throw $product;
            }
            $cents += $product['cents'] * $this->counts[$id];
        }
        return $cents;
    }
}
