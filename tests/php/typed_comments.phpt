--TEST--
typed handlers: what doc comments say of the members of arrays, in every form that people write
--FILE--
<?php
namespace Lib {
    class Thing { public function __construct(public string $name) {} }
    class Other { public function __construct(public int $id) {} }
}

namespace Lib\Traits {
    $file = tempnam(sys_get_temp_dir(), 'dora') . '.php';
    file_put_contents($file, <<<'FILE'
    <?php
    namespace Lib\Traits;
    use Lib\{
        Thing as Item, // what there is
        Other as Else_, # and more
        /* no more */
    };
    trait Inner { /** @var Else_[] */ public array $inner = []; }
    trait Things
    {
        use Inner;
        /** @var Item[] */
        public array $first = [];
        /** @param array<string, Else_> $others */
        public function __construct(/** @var list<Item> */ public array $things, public array $others = [], array $inner = [])
        {
            $this->first = [$things[0]];
            $this->inner = $inner;
        }
    }
    FILE);
    require $file;
    register_shutdown_function('unlink', $file); // comments are read with the first call
}

namespace App {
    use Lib\Other;
    use Lib\Thing;
    use Lib\Traits\Things;

    enum Suit: string { case Hearts = 'h'; }
    class WithTrait { use Things; }
    class Child extends WithTrait {}
    class Three { /** @param Thing[]|Other[]|Suit[] $a */ public function __construct(public array $a) {} }
    class Spaces
    {
        /**
         * @param Thing[] | null $a of which | says nothing
         * @param null |list< Thing > $b
         * @param Thing[]
         *     | $c | is no type, it stands in another line |
         */
        public function __construct(public ?array $a = null, public ?array $b = null, public array $c = []) {}
    }
    class Words { /** @param String[] $a @param List<Integer> $b @param array<STRING, Bool> $c */ public function __construct(public array $a = [], public array $b = [], public array $c = []) {} }
    /**
     * @template T of object
     * @phpstan-type Row array{name: string}
     */
    class Tools
    {
        /**
         * @template-covariant U
         * @param list<T> $a
         * @param array<string, Row> $b
         * @param U[] $c
         */
        public function __construct(public array $a = [], public array $b = [], public array $c = []) {}
    }
    class Kin extends Thing { /** @param parent[] $a @param array<int, static> $b */ public function __construct(public array $a = [], public array $b = []) {} }
    class Texts { /** @param array<'a'|'b', Thing> $a @param list<'x y'|"z"> $b */ public function __construct(public array $a = [], public array $b = []) {} }

    function told(\Closure $handler, array $param): void
    {
        try {
            $app = (new \Dora\App())->api('/x', $handler);
            echo json_encode($app->call('/x', $param)), "\n";
        } catch (\Throwable $error) {
            echo get_class($error), ': ', $error->getMessage(), "\n";
        }
    }
    function types(array $values): array
    {
        return array_map(fn ($value) => \is_array($value) ? types($value) : get_debug_type($value), $values);
    }
    $thing = ['name' => 'a'];

    echo "-- of a trait in another file\n";
    told(fn (WithTrait $of) => types([$of->things, $of->others]), ['things' => [$thing], 'others' => ['k' => ['id' => 1]]]);
    told(fn (Child $of): Child => $of, ['things' => [$thing]]);
    told(fn (WithTrait $of) => 1, ['things' => [[]], 'others' => [1]]);
    echo "-- several\n";
    told(fn (Three $of): Three => $of, ['a' => [$thing]]);
    told(fn (Spaces $of) => types([$of->a, $of->b, $of->c]), ['a' => [$thing], 'b' => [$thing], 'c' => [$thing]]);
    echo "-- words\n";
    told(fn (Words $of): Words => $of, ['a' => [1], 'b' => ['2'], 'c' => ['x' => 1]]);
    told(fn (Words $of) => 1, ['a' => [[]], 'b' => ['x'], 'c' => [1]]);
    told(fn (Texts $of) => types([$of->a, $of->b]), ['a' => ['a' => $thing], 'b' => ['z']]);
    told(fn (Texts $of) => 1, ['a' => [1], 'b' => [[]]]);
    echo "-- names that tools know\n";
    told(fn (Tools $of): Tools => $of, ['a' => [1], 'b' => ['x' => ['name' => 'y']], 'c' => [null]]);
    told(fn (Tools $of) => 1, ['a' => ['x' => 1], 'b' => [1], 'c' => 1]);
    echo "-- kin\n";
    told(fn (Kin $of) => types([$of->a, $of->b]), ['a' => [$thing], 'b' => [5 => []]]);
}
?>
--EXPECT--
-- of a trait in another file
[["Lib\\Thing"],{"k":"Lib\\Other"}]
{"first":[{"name":"a"}],"things":[{"name":"a"}],"others":[],"inner":[]}
Dora\NotRunException: $.things[0].name: missing; $.others: a map is wanted, not a list
-- several
{"a":[{"name":"a"}]}
[["Lib\\Thing"],["Lib\\Thing"],[{"name":"string"}]]
-- words
{"a":["1"],"b":[2],"c":{"x":true}}
Dora\NotRunException: $.a[0]: a text is wanted, not an empty list; $.b[0]: a whole number is wanted, not a text; $.c: a map is wanted, not a list
[{"a":"Lib\\Thing"},["string"]]
Dora\NotRunException: $.a: a map is wanted, not a list; $.b[0]: a text is wanted, not an empty list
-- names that tools know
{"a":[1],"b":{"x":{"name":"y"}},"c":[null]}
Dora\NotRunException: $.a: a list is wanted, not a map; $.b: a map is wanted, not a list; $.c: a list is wanted, not a number
-- kin
[["Lib\\Thing"],{"5":"App\\Kin"}]
