--TEST--
Dora\ClientInterface: what Dora\Client does, to be doubled; errors encode to JSON
--FILE--
<?php
require __DIR__ . '/common.inc';

/** What a program's test puts in the place of a client. */
final class Double implements Dora\ClientInterface
{
    public function __construct(private array $answers) {}
    public function call(string $name, mixed $param = null, array $options = []): mixed { return $this->answers[$name]; }
    public function callMany(array $calls, array $options = []): array { return []; }
    public function send(string $name, mixed $param = null, array $options = []): void {}
    public function sendMany(array $calls, array $options = []): void {}
    public function submit(string $name, mixed $param = null, array $options = []): string { return 'guid'; }
    public function submitMany(array $calls, array $options = []): string { return 'guid'; }
    public function collect(array|float|null $timeout = null, array|float|null $guids = null): array { return []; }
    public function result(string $guid, ?float $timeout = null): mixed { return null; }
    public function stream(string $name, mixed $param = null, array $options = []): Iterator
    {
        yield from $this->answers[$name];
        return 'done';
    }
}

function price(Dora\ClientInterface $client): int
{
    return $client->call('/price');
}

$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->api('/price', fn() => 7)->api('/fail', fn() => throw new Exception('no such "user"', 404)) RUN;
    PHP);
$client = $server->client();
var_dump(price(new Double(['/price' => 5])), price($client));

$parts = (new Double(['/words' => ['a', 'b']]))->stream('/words'); // a generator will do
echo implode(' ', iterator_to_array($parts)), ' ', $parts->getReturn(), "\n";

$public = fn(string $class) => array_map(fn($method) => $method->getName(), (new ReflectionClass($class))->getMethods());
echo json_encode(array_values(array_diff($public(Dora\Client::class), $public(Dora\ClientInterface::class)))), "\n";

echo json_encode($client->callMany(['a' => ['/price'], 'b' => ['/fail'], 'c' => ['/none']])), "\n";
echo json_encode([new Dora\TimeoutException("text", 1), new class('own', 2) extends Dora\Exception {}]), "\n";
var_dump($server->stop());
?>
--EXPECT--
int(5)
int(7)
a b done
["__construct"]
{"a":7,"b":{"code":404,"message":"Exception: no such \"user\""},"c":{"code":100204,"message":"no such api: \/none"}}
[{"code":1,"message":"text"},{"code":2,"message":"own"}]
int(0)
