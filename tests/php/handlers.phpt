--TEST--
Dora\App: what a handler is passed: the request where its type takes it, defaults, references
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    set_error_handler(function ($level, $text) {
        throw new ErrorException($text);
    });
    final class Magic
    {
        public function __call($name, $args)
        {
            return [$name, count($args)];
        }
    }
    $what = fn(...$args) => array_map('get_debug_type', $args);
    $app = new Dora\App();
    $handlers = [
        'untyped' => fn($p, $r) => $what($r),
        'default' => fn($p, $r = 5) => $what($r),
        'request' => fn($p, Dora\Request $r) => $what($r),
        'nullable' => fn($p, ?Dora\Request $r = null) => $what($r),
        'union' => fn($p, int|Countable|Dora\Request $r = 5) => $what($r),
        'object' => fn($p, object $r) => $what($r),
        'mixed' => fn($p, mixed $r) => $what($r),
        'int' => fn($p, int $x = 5) => $x,
        'other class' => fn($p, ?DateTime $x = null) => $x,
        'union without' => fn($p, int|Countable|null $x = 5) => $x,
        'intersection' => fn($p, null|Countable|Traversable $x = null) => $x,
        'third' => fn($p, $r, $x = 7) => $x,
        'variadic' => fn(...$args) => $what(...$args),
        'variadic of int' => fn($p, int ...$args) => $args,
        'variadic of request' => fn($p, Dora\Request ...$args) => $what(...$args),
        'variadic only, of int' => fn(int ...$args) => $args,
        'variadic only, of int or null' => fn(?int ...$args) => $args,
        'none' => fn() => func_get_args(),
        'built in' => 'strrev',
        'built in, variadic' => 'var_export',
        'built in, without' => 'pi',
        'magic' => [new Magic(), 'abc'],
        'magic as closure' => (new Magic())->abc(...),
        'reference' => function (string &$p) {
            $p .= '!';
            return $p;
        },
        'reference to the request' => fn($p, &$r) => $what($r),
        'references' => fn(&...$args) => $what(...$args),
        'fixed' => fn($p) => $p,
        'null' => fn($p = 'default') => $p,
        'no null' => fn(int|string $p = 'default') => $p,
        'with request' => fn($p = 'default', ?Dora\Request $r = null) => [$p, $r->param],
        'of a class' => fn(?DateTime $p = new DateTime('2020-02-02')) => $p?->format('Y'),
    ];
    foreach ($handlers as $name => $handler) {
        $app->api($name, $handler);
    }
    $app->workerStart(fn(int &$worker, $more = 1) => $worker += $more)->api('sort', 'sort') RUN;
    PHP, ['workers' => 1]);

$client = $server->client();
$with = ['untyped', 'default', 'request', 'nullable', 'union', 'object', 'mixed', 'int', 'other class',
    'union without', 'intersection', 'third', 'variadic', 'variadic of int', 'variadic of request', 'none', 'built in',
    'built in, without', 'magic', 'magic as closure', 'reference', 'reference to the request', 'references'];
foreach ($with as $name) {
    echo "$name: ";
    report(fn() => $client->call($name, 'abc'));
}
report(fn() => $client->call('sort', [2, 1]));

echo "without a parameter, with null\n";
foreach (['fixed', 'null', 'no null', 'with request', 'of a class', 'variadic',
    'variadic only, of int', 'variadic only, of int or null'] as $name) {
    echo "$name: ";
    report(fn() => [$client->call($name), $client->call($name, null), $client->callMany(['a' => [$name]])['a']]);
}
var_dump($server->stop());
?>
--EXPECT--
untyped: ["Dora\\Request"]
default: ["Dora\\Request"]
request: ["Dora\\Request"]
nullable: ["Dora\\Request"]
union: ["Dora\\Request"]
object: ["Dora\\Request"]
mixed: ["Dora\\Request"]
int: 5
other class: null
union without: 5
intersection: null
third: 7
variadic: ["string","Dora\\Request"]
variadic of int: []
variadic of request: ["Dora\\Request"]
none: ["abc"]
built in: "cba"
built in, without: 3.141592653589793
magic: ["abc",1]
magic as closure: ["abc",1]
reference: "abc!"
reference to the request: ["Dora\\Request"]
references: ["string","Dora\\Request"]
true
without a parameter, with null
fixed: [null,null,null]
null: ["default",null,"default"]
no null: ["default","default","default"]
with request: [["default",null],[null,null],["default",null]]
of a class: ["2020",null,"2020"]
variadic: [["null","Dora\\Request"],["null","Dora\\Request"],["null","Dora\\Request"]]
variadic only, of int: [[],[],[]]
variadic only, of int or null: [[],[null],[]]
int(0)
