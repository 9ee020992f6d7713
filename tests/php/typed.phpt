--TEST--
typed handlers: the parameter is made of the class that is declared, and every fault is told
--FILE--
<?php
namespace Shop\Money {
    final class Price
    {
        public function __construct(public readonly int $cents)
        {
            if ($cents < 0) {
                throw new \DomainException('not below zero; really');
            }
            if ($cents === 13) {
                throw new \RuntimeException('the till is broken');
            }
        }
        public function cheaper(): static|null { return new static($this->cents - 1); }
    }
}

namespace Shop {
    // It's what stands in comments, use Shop\Nothing as Cost;
    # "and in texts
    /* ; use Shop\Nothing as Cost; */
    use Shop\{Money\Price as Cost, Nothing};

    require (\getenv('DORA_ROOT') ?: \dirname(__DIR__, 2)) . '/tests/php/common.inc';

    enum Suit: string { case Hearts = 'h'; case Spades = 's'; const Best = self::Hearts; }
    enum Level: int { case Low = 1; case High = 2; }
    enum Pure { case A; case B; }
    class Item
    {
        /** @param string[] $tags of the item */
        public function __construct(public string $name, public Cost $price, public array $tags = [], public float $weight = 1.5)
        {
        }
    }
    class Node
    {
        /** @param list<Node> $below */
        public function __construct(public int $number, public ?self $next = null, public array $below = [])
        {
        }
    }
    class All
    {
        /**
         * @param list<Item> $items
         * @param array<string, Cost> $costs
         * @param array<int, ?Level>|null $levels
         */
        public function __construct(
            public ?array $items = null,
            public array $costs = [],
            /** @var Suit[][] */
            public array $suits = [],
            public ?array $levels = null,
            public ?\DateTimeImmutable $at = null,
            public ?\DateTime $old = null,
            public ?\DateTimeInterface $any = null,
            public Suit $suit = Suit::Spades,
            public ?Pure $pure = null,
            public int|string $both = 0,
            public int|Suit $odd = 0,
            public Cost|Item|null $either = null,
            public ?bool $is = null,
            public ?\stdClass $free = null,
            public mixed $mixed = null,
        ) {
        }
    }
    class Rest
    {
        public array $others;
        public function __construct(public string $name, int ...$others)
        {
            $this->others = $others;
        }
    }
    class Counted { public function __construct(public int &$number, public array &$list = []) { $number++; } }
    class Handlers
    {
        public function method(Item $item): array { return [get_debug_type($this), $item->name]; }
        public static function still(Item $item): array { return ['static', $item->name]; }
        public function __invoke(Item $item, \Dora\Request $request): array { return [$request->name, $item->name]; }
    }
    function plain(Item $item): array { return ['function', $item->name]; }

    function told(callable $call): void
    {
        try {
            echo json_encode($call(), JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION), "\n";
        } catch (\Throwable $error) {
            // PHP 8.4 has the file and the line in a closure's name, and no namespace.
            $message = preg_replace('/(Shop\\\\)?\{closure(:.*:\d+)?\}/', '{closure}', $error->getMessage());
            echo \get_class($error), ' ', $error->getCode(), ' ', $message, "\n";
        }
    }
    function called(callable $handler, mixed $param = null, array $options = []): mixed
    {
        return (new \Dora\App())->api('/x', $handler, $options)->call('/x', $param);
    }
    function all(array $param): void
    {
        told(fn () => array_intersect_key(called(fn (All $all): All => $all, $param), $param));
    }

    echo "-- callables\n";
    $item = ['name' => 'pen', 'price' => ['cents' => '5']];
    foreach ([fn (Item $item) => ['closure', $item->name], 'Shop\plain', [new Handlers(), 'method'], 'Shop\Handlers::still', new Handlers(), plain(...)] as $handler) {
        told(fn () => called($handler, $item));
    }
    told(fn () => called(fn (?Item $item) => $item, null));
    told(fn () => called(fn (Item $item = new Item('mine', new Cost(1))) => $item->name));

    echo "-- made\n";
    all(['items' => [$item, ['weight' => 3, 'tags' => [1, 'b']] + $item, ['odd' => 'ignored'] + $item]]);
    all(['costs' => ['a' => ['cents' => 1.0]], 'suits' => [['h'], ['s', 'h']], 'levels' => [7 => 1, 9 => null]]);
    all(['at' => '2026-01-02T03:04:05Z', 'old' => '2026-01-02t03:04:05.25+01:00', 'any' => '2026-12-31 23:59:60-23:59']);
    all(['suit' => 'h', 'pure' => 'B', 'both' => 'x', 'odd' => 's', 'is' => 'yes', 'free' => ['a' => 1], 'mixed' => [1]]);
    all(['both' => 1.5, 'odd' => '12', 'either' => ['cents' => 3]]);
    told(fn () => called(fn (All $all) => array_map(get_debug_type(...), [$all->any, $all->free, ...$all->costs, ...$all->items]),
        ['any' => '2026-01-02T03:04:05Z', 'free' => [], 'costs' => ['a' => ['cents' => 1]], 'items' => [$item]]));
    told(fn () => called(fn (Node $node): Node => $node, ['number' => 1, 'next' => ['number' => 2], 'below' => [['number' => 3, 'below' => [['number' => 4]]]]]));
    told(fn () => called(fn (Rest $rest): Rest => $rest, ['name' => 'n', 'a' => '1', 'b' => 2]));
    told(fn () => called(fn (Suit $suit): Suit => $suit, 'h'));
    told(fn () => called(fn (\DateTimeImmutable $at) => $at, '2026-01-02T03:04:05Z'));
    told(fn () => called(fn (\DateTimeImmutable $at) => $at, '2026-01-02t03:04:05.123456' . str_repeat('9', 500) . 'z'));
    told(fn () => called(fn (Counted $of): Counted => $of, ['number' => '6', 'list' => [1]]));
    told(fn () => called(fn (\stdClass $any) => $any, ['a' => []]));
    told(fn () => called(fn (int $n, Item $item, ?Suit $suit = null, ?\Dora\Request $request = null, Cost ...$more) => [$n, $item->name, $suit, $request->name, array_keys($more), $more['a']->cents],
        ['n' => '7', 'item' => $item, 'suit' => 's', 'a' => ['cents' => 2]], ['named' => true]));

    told(fn () => called(fn (Cost|Item $of, Suit|Level $one) => [get_debug_type($of), $one], ['of' => $item, 'one' => 2], ['named' => true]));

    told(fn () => called(/** @param Item[] $items */ fn (array $items, bool $all = false) => [get_debug_type($items[0]), $all], ['items' => [$item], 'all' => 1], ['named' => true]));
    told(fn () => called(fn (Item ...$items) => [count($items), get_debug_type($items[0])], $item));

    echo "-- results\n";
    told(fn () => called(fn (): Item => new Item('a', new Cost(2))));
    told(fn () => called(fn (): Pure => Pure::A));
    told(fn () => called(/** @return list<Item> */ fn (): array => [new Item('a', new Cost(2))]));
    told(fn () => called(fn () => new Item('a', new Cost(2))));
    told(fn () => called(fn (): Item => new Node(1)));
    told(fn () => called([new Cost(3), 'cheaper']));
    told(fn () => called(function (): object { return new class { public int $unset; protected $hidden = 1; public $shown = 2; }; }));
    told(fn () => called(function (): Node { $node = new Node(1); $node->next = $node; return $node; }));

    echo "-- refused\n";
    $table = [
        [], ['name' => 'x'], ['name' => null, 'price' => 5], ['name' => ['a' => 1], 'price' => [1]], ['name' => 1, 'price' => ['cents' => 'five']],
        ['price' => ['cents' => 1.5], 'tags' => 'a'], ['price' => ['cents' => '1.5'], 'tags' => ['x' => 'a'], 'name' => 'x'],
        ['price' => ['cents' => -1], 'tags' => ['a', []], 'weight' => 'heavy'], ['price' => ['cents' => 13], 'name' => 'x'],
        ['price' => ['cents' => '9999999999999999999'], 'name' => true, 'weight' => 'INF'], [1], 5, 'text', null, true];
    foreach ($table as $param) {
        told(fn () => called(fn (Item $item) => 'it must not run', $param));
    }
    all(['items' => [$item, 7, ['name' => 'x'], ['price' => ['cents' => -1]] + $item], 'suit' => 'x']);
    all(['items' => ['a' => $item], 'costs' => [['cents' => 1]], 'suits' => [['h', 'x'], 's'], 'levels' => [3], 'mixed' => 1]);
    foreach (['tomorrow', '2026-02-29T00:00:00Z', '2026-01-02', '2026-01-02T03:04:05', '2026-01-02T24:00:00Z', '2026-01-02T03:04:05.Z', '2026-01-02T03:04:05+0100', "2026-01-02T03:04:05Z\n", 1700000000] as $at) {
        all(['at' => $at]);
    }
    all(['suit' => 'H', 'pure' => 'a', 'odd' => 'q', 'either' => ['x' => 1], 'is' => [], 'free' => 1, 'both' => [], 'old' => [], 'levels' => 'x']);
    all(['odd' => 1e300]);
    all(['suit' => 'Best', 'pure' => 1, 'odd' => 1.5, 'either' => 'x']);
    told(fn () => called(fn (Node $node) => 1, ['number' => 1, 'next' => ['number' => 2, 'below' => [['number' => 3, 'next' => ['odd' => 1]]]]]));
    told(fn () => called(fn (Rest $rest) => 1, ['name' => 'n', 'a b' => 'x', 'ü' => []]));
    told(fn () => called(fn (int $n, Item $item, ?Suit $suit = null) => 1, ['item' => [], 'suit' => 5, 'odd' => 1], ['named' => true]));
    told(fn () => called(fn (\stdClass $map) => 1, [1, 2]));
    told(fn () => called(fn (\stdClass|Item $map) => 1, [1, 2]));
    told(fn () => called(fn (Item $item) => 1, array_fill_keys(['name', 'price'], str_repeat('x', 9000))));
    foreach ([5000, 500] as $count) {
        try {
            called(fn (All $all) => 1, ['items' => array_fill(0, $count, ['name' => []])]);
        } catch (\Dora\NotRunException $error) {
            echo \strlen($error->getMessage()) <= 8192 ? 'cut' : 'too long', "\n";
        }
    }

    echo "-- middleware sees what was sent, and what is returned\n";
    $app = (new \Dora\App())->api('/x', fn (Item $item): Item => $item);
    $app->middleware(fn ($next, $param) => [get_debug_type($param), get_debug_type($made = $next()), $made, $next($made)->name]);
    told(fn () => $app->call('/x', $item));

    echo "-- what middleware refers to stays as it is\n";
    foreach ([[fn (All $all): All => $all, 'items', [$item]], [fn (Item ...$more) => array_keys($more), 'more', $item]] as [$handler, $name, $value]) {
        $app = (new \Dora\App())->api('/x', $handler, ['named' => $name === 'more']);
        $app->middleware(function ($next, $param) use ($name, $value) {
            $param[$name] = &$value;
            $next($param);
            return $value;
        });
        told(fn () => $app->call('/x', []));
    }
}
?>
--EXPECT--
-- callables
["closure","pen"]
["function","pen"]
["Shop\\Handlers","pen"]
["static","pen"]
["/x","pen"]
["function","pen"]
null
"mine"
-- made
{"items":[{"name":"pen","price":{"cents":5},"tags":[],"weight":1.5},{"name":"pen","price":{"cents":5},"tags":["1","b"],"weight":3.0},{"name":"pen","price":{"cents":5},"tags":[],"weight":1.5}]}
{"costs":{"a":{"cents":1}},"suits":[["h"],["s","h"]],"levels":{"7":1,"9":null}}
{"at":"2026-01-02T03:04:05+00:00","old":"2026-01-02T03:04:05.250000+01:00","any":"2027-01-01T00:00:00-23:59"}
{"suit":"h","pure":"B","both":"x","odd":"s","is":true,"free":{"a":1},"mixed":[1]}
{"both":"1.5","odd":12,"either":{"cents":3}}
{"0":"DateTimeImmutable","1":"stdClass","a":"Shop\\Money\\Price","2":"Shop\\Item"}
{"number":1,"next":{"number":2,"next":null,"below":[]},"below":[{"number":3,"next":null,"below":[{"number":4,"next":null,"below":[]}]}]}
{"others":{"a":1,"b":2},"name":"n"}
"h"
"2026-01-02T03:04:05+00:00"
"2026-01-02T03:04:05.123456+00:00"
{"number":7,"list":[1]}
{"a":[]}
[7,"pen","s","/x",["a"],2]
["Shop\\Item",2]
["Shop\\Item",true]
[1,"Shop\\Item"]
-- results
{"name":"a","price":{"cents":2},"tags":[],"weight":1.5}
"A"
[{"name":"a","price":{"cents":2},"tags":[],"weight":1.5}]
Dora\HandlerException 100208 $: no value on the wire for type Shop\Item
Dora\HandlerException 100208 TypeError: {closure}(): Return value must be of type Shop\Item, Shop\Node returned (code 0)
{"cents":2}
Dora\HandlerException 100208 $: no value on the wire for type class@anonymous
Dora\HandlerException 100208 $.next: an object that contains itself
-- refused
Dora\NotRunException 100210 $.name: missing; $.price: missing
Dora\NotRunException 100210 $.price: missing
Dora\NotRunException 100210 $.name: a text is wanted, not null; $.price: a map is wanted, not a number
Dora\NotRunException 100210 $.name: a text is wanted, not a map; $.price: a map is wanted, not a list
Dora\NotRunException 100210 $.price.cents: a whole number is wanted, not a text
Dora\NotRunException 100210 $.name: missing; $.price.cents: a whole number is wanted, not a fraction; $.tags: a list is wanted, not a text
Dora\NotRunException 100210 $.price.cents: a whole number is wanted, not a text; $.tags: a list is wanted, not a map
Dora\NotRunException 100210 $.name: missing; $.price: not below zero, really; $.tags[1]: a text is wanted, not an empty list; $.weight: a number is wanted, not a text
Dora\HandlerException 100208 RuntimeException: the till is broken (code 0)
Dora\NotRunException 100210 $.price.cents: a whole number is wanted, not a text; $.weight: a number is wanted, not a text
Dora\NotRunException 100210 $: a map is wanted, not a list
Dora\NotRunException 100210 $: a map is wanted, not a number
Dora\NotRunException 100210 $: a map is wanted, not a text
Dora\NotRunException 100210 $: a map is wanted, not null
Dora\NotRunException 100210 $: a map is wanted, not a truth value
Dora\NotRunException 100210 $.items[1]: a map is wanted, not a number; $.items[2].price: missing; $.items[3].price: not below zero, really; $.suit: one of "h", "s" is wanted
Dora\NotRunException 100210 $.items: a list is wanted, not a map; $.costs: a map is wanted, not a list; $.suits[0][1]: one of "h", "s" is wanted; $.suits[1]: a list is wanted, not a text; $.levels[0]: one of 1, 2 is wanted
Dora\NotRunException 100210 $.at: a date and time as in RFC 3339 is wanted
Dora\NotRunException 100210 $.at: a date and time as in RFC 3339 is wanted
Dora\NotRunException 100210 $.at: a date and time as in RFC 3339 is wanted
Dora\NotRunException 100210 $.at: a date and time as in RFC 3339 is wanted
Dora\NotRunException 100210 $.at: a date and time as in RFC 3339 is wanted
Dora\NotRunException 100210 $.at: a date and time as in RFC 3339 is wanted
Dora\NotRunException 100210 $.at: a date and time as in RFC 3339 is wanted
Dora\NotRunException 100210 $.at: a date and time as in RFC 3339 is wanted
Dora\NotRunException 100210 $.at: a date and time as in RFC 3339 is wanted, not a number
Dora\NotRunException 100210 $.levels: a list or a map is wanted, not a text; $.old: a date and time as in RFC 3339 is wanted, not an empty list; $.suit: one of "h", "s" is wanted; $.pure: one of "A", "B" is wanted; $.both: a whole number or a text is wanted, not an empty list; $.odd: one of "h", "s" or a whole number is wanted, not a text; $.either: it fits none of Shop\Money\Price, Shop\Item; $.is: a truth value is wanted, not an empty list; $.free: a map is wanted, not a number
Dora\NotRunException 100210 $.odd: one of "h", "s" or a whole number is wanted, not one beyond 64 bits
Dora\NotRunException 100210 $.suit: one of "h", "s" is wanted; $.pure: one of "A", "B" is wanted; $.odd: one of "h", "s" or a whole number is wanted, not a fraction; $.either: a map is wanted, not a text
Dora\NotRunException 100210 $.next.below[0].next.number: missing
Dora\NotRunException 100210 $["a b"]: a whole number is wanted, not a text; $.ü: a whole number is wanted, not an empty list
Dora\NotRunException 100210 $.n: missing; $.odd: unknown; $.item.name: missing; $.item.price: missing; $.suit: one of "h", "s" is wanted
Dora\NotRunException 100210 $: a map is wanted, not a list
Dora\NotRunException 100210 $: a map is wanted, not a list
Dora\NotRunException 100210 $.price: a map is wanted, not a text
cut
cut
-- middleware sees what was sent, and what is returned
["array","Shop\\Item",{"name":"pen","price":{"cents":5},"tags":[],"weight":1.5},"pen"]
-- what middleware refers to stays as it is
[{"name":"pen","price":{"cents":"5"}}]
{"name":"pen","price":{"cents":"5"}}
