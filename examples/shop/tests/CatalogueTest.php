<?php
/* The catalogue's handlers, without a server; a page with a double in the place of its client; then
 * all of it, with a server. */

use PHPUnit\Framework\TestCase;

require_once __DIR__ . '/../Basket.php';
require_once __DIR__ . '/../../../bindings/php/stubs/testing/Server.php'; // or Composer's

final class CatalogueTest extends TestCase
{
    private function app(): Dora\App
    {
        static $app = null;
        return $app ??= require __DIR__ . '/../catalogue.php';
    }

    public function testAProductIsFoundByItsNumber(): void
    {
        $this->assertSame('Coffee cup', $this->app()->call('/product/get', ['id' => 2])['name']);
    }

    public function testWhatIsNotThereIs404(): void
    {
        $this->expectException(Dora\HandlerException::class);
        $this->expectExceptionCode(404);
        $this->expectExceptionMessage('no product 99');
        $this->app()->call('/product/get', ['id' => 99]);
    }

    public function testAParameterThatDoesNotFitIsNotRun(): void
    {
        $this->expectException(Dora\NotRunException::class);
        $this->expectExceptionMessage('$.word: missing');
        $this->app()->call('/product/find', ['wrod' => 'coffee']);
    }

    public function testASearchIsMadeOfTheCall(): void
    {
        $search = ['word' => 'coffee', 'most' => '1', 'by' => 'price'];
        $cup = ['id' => 2, 'name' => 'Coffee cup', 'cents' => 900];
        $this->assertSame([$cup], $this->app()->call('/product/find', $search));
        $this->expectExceptionMessage('$: most is at least 1');
        $this->app()->call('/product/find', ['most' => 0] + $search);
    }

    public function testABasketAsksForAllOfItAtOnce(): void
    {
        $client = $this->createMock(Dora\ClientInterface::class);
        $client->expects($this->once())->method('callMany')
            ->willReturn([1 => ['cents' => 100], 2 => ['cents' => 10]]);
        $basket = new Basket($client);
        $basket->add(1, 3);
        $basket->add(2);
        $this->assertSame(310, $basket->cents());
    }

    public function testABasketOfARealServer(): void
    {
        $server = new Dora\Testing\Server(__DIR__ . '/../catalogue.php', ['--workers=1']);
        $basket = new Basket($server->client());
        $basket->add(2, 2);
        $this->assertSame(1800, $basket->cents());
        $basket->add(99);
        $this->expectExceptionMessage('no product 99');
        $basket->cents();
    }
}
