--TEST--
typed handlers: properties with hooks are made and shown, one that can only be set is not
--SKIPIF--
<?php
if (PHP_VERSION_ID < 80400) die('skip properties have no hooks yet');
?>
--FILE--
<?php
class Hooked
{
    public string $name { set(string $value) { $this->name = strtolower($value); } }
    public string $loud { get => strtoupper($this->name); }
    public string $secret { set(string $value) { $this->name = $value; } }
    public function __construct(string $name, public private(set) int $number = 1)
    {
        $this->name = $name;
    }
}
$app = (new Dora\App())->api('/x', fn(Hooked $of): Hooked => $of);
echo json_encode($app->call('/x', ['name' => 'Pen'])), "\n";
?>
--EXPECT--
{"name":"pen","loud":"PEN","number":1}
