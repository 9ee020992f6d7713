--TEST--
typed handlers: a class of which nothing can be made is told with file, line and handler, at load
--FILE--
<?php
require __DIR__ . '/common.inc';

interface Shape {}
abstract class Base { public function __construct(int $x) {} }
class Hidden { private function __construct(public int $x) {} }
class Bare { public int $x; }
class First { public function __construct(public Second $second) {} }
class Second { public function __construct(public First $first) {} }
class Misspelt { public function __construct(public Mony $price) {} }
class Deep { public function __construct(public ?Misspelt $in = null) {} }
class Commented
{
    /** @param list<Itme> $items */
    public function __construct(public array $items) {}
}
class AnyObject { public function __construct(public object $of) {} }
class Both { public function __construct(public Countable&Traversable $of) {} }
class Kid extends ArrayObject {} enum Broken: string { case One = Nowhere::ONE; } enum None: int { const ONE = 1; }
class Handlers
{
    public function method(Shape $shape) {}
    public static function still(Mony $price) {}
    public function __invoke(Base $base) {}
}
function plain(Hidden $hidden) {}

$refused = [
    fn(Shape $x) => 1, fn(Base $x) => 1, fn(Hidden $x) => 1, fn(Bare $x) => 1, fn(First $x) => 1,
    fn(?Nowhere $x) => 1, fn(Nowhere|array $x) => 1, fn(Misspelt $x) => 1, fn(Deep $x) => 1,
    fn(Commented $x) => 1, fn(AnyObject $x) => 1, fn(Both $x) => 1, fn(ArrayObject $x) => 1,
    fn(Closure $x) => 1, fn(Kid $x) => 1, [new Handlers(), 'method'], 'Handlers::still',
    new Handlers(), 'plain', fn(array $x): Nowhere => 1,
];
function told(callable $call): void
{
    try {
        echo json_encode($call()), "\n";
    } catch (Throwable $error) {
        echo get_class($error), ': ', str_replace(__DIR__, '', $error->getMessage()), "\n";
    }
}
foreach ($refused as $handler) {
    told(fn() => (new Dora\App())->api('/x', $handler)->call('/x', []));
}
told(fn() => (new Dora\App())->api('/x', fn(int $n, Bare $x) => 1, ['named' => true])->call('/x', ['n' => 1]));
$app = (new Dora\App())->api('/x', fn(Bare $x) => 1);
told(fn() => $app->call('/x', []));
told(fn() => $app->call('/x', []));

echo "-- one that PHP's own types are beside is left out, as nothing ever was one\n";
foreach ([fn(iterable $x) => $x, fn(Traversable|array $x) => $x, fn(Shape|array|null $x) => $x, fn(Dora\Request|array $x) => $x] as $handler) {
    told(fn() => (new Dora\App())->api('/x', $handler)->call('/x', [1]));
}

echo "-- an autoloader that raises\n";
spl_autoload_register(function (string $class) { throw new RuntimeException("no $class today"); });
told(fn() => (new Dora\App())->api('/x', fn(Later $x) => 1)->call('/x', []));
foreach (spl_autoload_functions() as $function) {
    spl_autoload_unregister($function);
}

echo "-- one that calls the handler\n";
$app = (new Dora\App())->api('/x', fn(string|int $n, Sooner $x) => 1, ['named' => true]);
spl_autoload_register(function (string $class) use ($app) { told(fn() => $app->call('/x', ['n' => 1])); });
told(fn() => $app->call('/x', ['n' => 2]));
foreach (spl_autoload_functions() as $function) {
    spl_autoload_unregister($function);
}

echo "-- a case whose value cannot be evaluated\n";
told(fn() => (new Dora\App())->api('/x', fn(Broken $x) => 1)->call('/x', 'one'));
told(fn() => (new Dora\App())->api('/x', fn(): Broken => Broken::One)->call('/x'));
told(fn() => (new Dora\App())->api('/x', fn(?None $x) => 1)->call('/x', 1));

echo "-- a server does not start\n";
$file = tempnam(sys_get_temp_dir(), 'dora') . '.php';
file_put_contents($file, "<?php\n\$app = new Dora\\App();\n\$app->api('/x', fn(Shape \$x) => 1);\n\$app->run(['port' => 0, 'workers' => 1]);\ninterface Shape {}\n");
$process = proc_open(php_command($file), [1 => ['pipe', 'w'], 2 => ['pipe', 'w']], $pipes);
echo 'started: ', stream_get_contents($pipes[1]), "\n";
preg_match('/api "\/x": .*/', str_replace($file, 'FILE', stream_get_contents($pipes[2])), $said);
echo $said[0] ?? 'nothing', "\n";
proc_close($process);
unlink($file);
?>
--EXPECT--
TypeError: /typed_refused.php:29: handler {closure}: parameter $x: Shape is an interface, of which no object can be made
TypeError: /typed_refused.php:29: handler {closure}: parameter $x: Base is abstract, no object can be made of it
TypeError: /typed_refused.php:29: handler {closure}: parameter $x: Hidden has a constructor that is not public
TypeError: /typed_refused.php:29: handler {closure}: parameter $x: Bare has no constructor that its members could be given to
TypeError: /typed_refused.php:29: handler {closure}: First contains itself without end: let its $second be null, or give it a default
TypeError: /typed_refused.php:30: handler {closure}: parameter $x: there is no class Nowhere
TypeError: /typed_refused.php:30: handler {closure}: parameter $x: there is no class Nowhere
TypeError: /typed_refused.php:30: handler {closure}: parameter $x: Misspelt::__construct(), $price: there is no class Mony
TypeError: /typed_refused.php:30: handler {closure}: parameter $x: Misspelt::__construct(), $price: there is no class Mony
TypeError: /typed_refused.php:31: handler {closure}: parameter $x: Commented::__construct(), $items: there is no class Itme, which the comment names
TypeError: /typed_refused.php:31: handler {closure}: parameter $x: AnyObject::__construct(), $of: of type object no value can be made: take a class, array, a scalar type or mixed
TypeError: /typed_refused.php:31: handler {closure}: parameter $x: Both::__construct(), $of: of type Countable&Traversable no value can be made: take a class, array, a scalar type or mixed
TypeError: /typed_refused.php:31: handler {closure}: parameter $x: ArrayObject is built in: take a class of your own, an enum, a DateTimeInterface or stdClass
TypeError: /typed_refused.php:32: handler {closure}: parameter $x: Closure is built in: take a class of your own, an enum, a DateTimeInterface or stdClass
TypeError: /typed_refused.php:32: handler {closure}: parameter $x: Kid has no constructor of its own that its members could be given to
TypeError: /typed_refused.php:22: handler Handlers::method: parameter $shape: Shape is an interface, of which no object can be made
TypeError: /typed_refused.php:23: handler Handlers::still: parameter $price: there is no class Mony
TypeError: /typed_refused.php:24: handler Handlers::__invoke: parameter $base: Base is abstract, no object can be made of it
TypeError: /typed_refused.php:26: handler plain: parameter $hidden: Hidden has a constructor that is not public
TypeError: /typed_refused.php:33: handler {closure}: result: there is no class Nowhere
TypeError: /typed_refused.php:46: handler {closure}: parameter $x: Bare has no constructor that its members could be given to
TypeError: /typed_refused.php:47: handler {closure}: parameter $x: Bare has no constructor that its members could be given to
TypeError: /typed_refused.php:47: handler {closure}: parameter $x: Bare has no constructor that its members could be given to
-- one that PHP's own types are beside is left out, as nothing ever was one
[1]
[1]
[1]
[1]
-- an autoloader that raises
RuntimeException: no Later today
-- one that calls the handler
TypeError: /typed_refused.php:64: handler {closure}: it is called by an autoloader that is to find its classes
TypeError: /typed_refused.php:64: handler {closure}: parameter $x: there is no class Sooner
-- a case whose value cannot be evaluated
Error: Class "Nowhere" not found
Error: Class "Nowhere" not found
TypeError: /typed_refused.php:74: handler {closure}: parameter $x: None is an enum that has no cases
-- a server does not start
started: 
api "/x": FILE:3: handler {closure}: parameter $x: Shape is an interface, of which no object can be made
