--TEST--
types: every PHP row of the conversion table, and what encode of a client and of an application does
--FILE--
<?php
require __DIR__ . '/common.inc';

enum Suit: string { case Hearts = 'h'; }
enum Level: int { case Low = 1; }
enum Pure { case A; }
class Odd { public $x = 1; }
class Says implements JsonSerializable
{
    public function __construct(private mixed $value) {}
    public function jsonSerialize(): mixed { return $this->value; }
}
class SaysItself implements JsonSerializable
{
    public function jsonSerialize(): mixed { return $this; }
}
class Fails implements JsonSerializable
{
    public function jsonSerialize(): mixed { throw new DomainException('no price today'); }
}
class Owner
{
    public $pub = 2;
    protected $prot = 1;
    private $secret = 's';
}
class OwnFormat extends DateTimeImmutable
{
    public function format(string $format): string { return "mine, $format"; }
}
class OwnOldFormat extends DateTime
{
    #[ReturnTypeWillChange]
    public function format($format) { return "mine, $format"; }
}
$one = 1;
$self = [1];
$self[] = &$self;

/* Row of the table => values and what each is on the wire, null where it is refused. */
$table = [
    '`stdClass`, `ArrayObject`' => [
        [new stdClass, 'a:00:{}'], [(object)['a'], 'a:01:{i:0;s:1:"a";}'],
        [(object)['k' => 1], 'a:1:{s:1:"k";i:1;}'], [new ArrayObject([7]), 'a:01:{i:0;i:7;}'],
        [@new ArrayObject(new Owner), 'a:1:{s:3:"pub";i:2;}'],
        [(object)(array)new Owner, 'a:1:{s:3:"pub";i:2;}'],
    ],
    '`DateTimeInterface`' => [
        [new DateTime('2026-01-02T03:04:05+01:00'), 's:25:"2026-01-02T03:04:05+01:00";'],
        [new DateTimeImmutable('2026-01-02T03:04:05.5Z'), 's:32:"2026-01-02T03:04:05.500000+00:00";'],
        [new OwnFormat('@0'), 's:25:"1970-01-01T00:00:00+00:00";'],
        [new OwnOldFormat('@0'), 's:25:"1970-01-01T00:00:00+00:00";'],
    ],
    'backed enum' => [[Suit::Hearts, 's:1:"h";'], [Level::Low, 'i:1;']],
    '`JsonSerializable`' => [
        [new Says([1, new Says('a')]), 'a:2:{i:0;i:1;i:1;s:1:"a";}'], [new Says(new stdClass), 'a:00:{}'],
        [new Says(new DateTime('@0')), 's:25:"1970-01-01T00:00:00+00:00";'], [new SaysItself, null],
        [new Fails, null],
    ],
    'other object, pure enum, resource, closure' => [
        [new Odd, null], [Pure::A, null], [STDIN, null], [fn() => 1, null],
    ],
    'reference inside an array' => [[[&$one], 'a:1:{i:0;i:1;}']],
    'array that holds itself' => [[$self, null]],
];
preg_match_all('/^\| PHP \| (.+?) \|/m', file_get_contents(root_dir() . '/core/PROTOCOL.md'), $rows);
var_dump($rows[1] === array_keys($table));
if ($rows[1] !== array_keys($table)) {
    print_r($rows[1]);
}
foreach ($table as $row => $cases) {
    foreach ($cases as [$value, $expected]) {
        try {
            $got = Dora\Wire::encode($value);
            echo $got === $expected ? '' : "$row: $got, not $expected\n";
        } catch (Throwable $error) {
            echo $expected === null ? '' : "$row: not $expected\n", get_class($error), ': ', $error->getMessage(), "\n";
        }
    }
}

echo "levels\n";
$deep = function (int $levels) {
    for ($value = 1; $levels > 0; $levels--) {
        $value = [$value];
    }
    return $value;
};
$away = new Dora\Client('127.0.0.1:1');
report(fn() => $away->call('echo', $deep(510)));
report(fn() => $away->callMany(['one' => ['echo', $deep(600)]]));

echo "encode\n";
$server = new Server(<<<'PHP'
    class Odd { public $x = 1; }
    class Closed {}
    $app = new Dora\App(encode: function (object $value) {
        if ($value instanceof Odd) {
            return ['odd' => new ArrayObject([$value->x])];
        }
        throw new TypeError('nothing for ' . get_class($value));
    });
    $app->api('echo', fn(mixed $param) => $param);
    $app->api('odd', fn() => ['items' => [new Odd]]);
    $app->api('closed', fn() => new Closed);
    $app->api('fails', fn() => [new class implements JsonSerializable {
        public function jsonSerialize(): mixed { throw new DomainException('no price today'); }
    }]) RUN;
    PHP);
$plain = $server->client();
$client = $server->client(['encode' => fn(Odd $value) => ['x' => $value->x]]);
report(fn() => $client->call('echo', ['a' => new Odd]));
report(fn() => $client->callMany(['one' => ['echo', new Odd]]));
report(fn() => $client->call('echo', STDIN));
report(fn() => $plain->call('echo', ['a' => [new Odd]]));
report(fn() => $plain->callMany(['one' => ['echo', ['b' => Pure::A]]]));
report(fn() => $plain->call('odd'));
report(fn() => $plain->call('closed'));
report(fn() => $plain->call('fails'));
/* A call made while a value is written has a writer of its own. */
$nested = $server->client(['encode' => fn(Odd $value) => $plain->call('echo', ['nested' => 1])]);
report(fn() => $nested->call('echo', ['before', new Odd, 'after']));
report(fn() => new Dora\Client('127.0.0.1:1', ['encode' => 'no_such_function']));
report(fn() => new Dora\App('no_such_function'));
?>
--EXPECT--
bool(true)
ValueError: Dora\Wire::encode(): Argument #1 ($value) cannot be encoded: $: an object that contains itself
DomainException: no price today
ValueError: Dora\Wire::encode(): Argument #1 ($value) cannot be encoded: $: no value on the wire for type Odd
ValueError: Dora\Wire::encode(): Argument #1 ($value) cannot be encoded: $: no value on the wire for type Pure
ValueError: Dora\Wire::encode(): Argument #1 ($value) cannot be encoded: $: no value on the wire for type resource
ValueError: Dora\Wire::encode(): Argument #1 ($value) cannot be encoded: $: no value on the wire for type Closure
ValueError: Dora\Wire::encode(): Argument #1 ($value) cannot be encoded: $[1]: an array that contains itself
levels
Dora\Exception 100206: $...[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: deeper than the limit of 509 levels
Dora\Exception 100206: one: $...[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: deeper than the limit of 509 levels
encode
{"a":{"x":1}}
{"one":{"x":1}}
ValueError 0: Dora\Client::call(): Argument #2 ($param) cannot be sent: $: no value on the wire for type resource
ValueError 0: Dora\Client::call(): Argument #2 ($param) cannot be sent: $.a[0]: no value on the wire for type Odd
ValueError 0: Dora\Client::callMany(): Argument #1 ($calls) cannot be sent: one: $.b: no value on the wire for type Pure
{"items":[{"odd":[1]}]}
Dora\HandlerException 100208: TypeError: nothing for Closed (code 0)
Dora\HandlerException 100208: DomainException: no price today (code 0)
["before",{"nested":1},"after"]
TypeError 0: Dora\Client::__construct(): Argument #2 ($options) must have a callable or null as "encode", string given
TypeError 0: Dora\App::__construct(): Argument #1 ($encode) must be a valid callback or null, function "no_such_function" not found or invalid function name
