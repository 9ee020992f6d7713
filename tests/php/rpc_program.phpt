--TEST--
programs in Dora-RPC's style: the example, and one that names its classes in all usual ways
--SKIPIF--
<?php
require __DIR__ . '/common.inc';
if (!is_file(root_dir() . '/examples/php/dorarpc/client.php')) {
    die('skip no sources');
}
?>
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->fallback(fn($param, $request) => ($param['id'] ?? 0) === 99
        ? throw new Exception('no such product', 404) : ['path' => $request->name, 'param' => $param]);
    $app RUN;
    PHP, ['workers' => 2]);

$folder = tempnam(sys_get_temp_dir(), 'dora');
unlink($folder);
mkdir($folder);
$from = root_dir() . '/examples/php/dorarpc';
file_put_contents("$folder/client.conf.php", str_replace('9567', (string)$server->port, file_get_contents("$from/client.conf.php")));
copy("$from/client.php", "$folder/client.php");

/* What the example does not do: other spellings, a subclass, strict types. */
file_put_contents("$folder/other.php", <<<'PHP'
    <?php
    declare(strict_types=1);
    namespace Shop;
    ini_set('dora.timeout', '5');
    $config = include 'client.conf.php';
    class Api extends \DoraRPC\Client
    {
        private static $instance;
        public static function getInstance($config) {
            if (!self::$instance) {
                self::$instance = new self($config);
                self::$instance->changeMode(array("type" => 1, "group" => key($config)));
            }
            return self::$instance;
        }
        public function get($name, $param = array()) {
            $ret = $this->singleAPI($name, $param, \DoraRPC\DoraConst::SW_MODE_WAITRESULT, "1");
            if ($ret["code"] !== 0 || $ret["data"]["code"] !== 0 || $ret["data"]["data"]["code"] !== 0) {
                throw new \RuntimeException($ret["msg"], $ret["code"]);
            }
            return $ret["data"]["data"]["data"];
        }
    }
    $api = Api::getInstance($config);
    echo json_encode($api->get("/user/get", array("id" => 7))), "\n";
    $obj = new \dorarpc\client($config);
    $obj->changeMode(array("type" => 2, "ip" => "127.0.0.1", "port" => reset($config["group1"])["port"]));
    $ret = $obj->multiAPI(array("a" => array("name" => "/a", "param" => null), 5 => array("name" => "/b", "param" => array(1))), \DoraRPC\DoraConst::SW_MODE_WAITRESULT);
    echo json_encode($ret["data"]["data"][5]["data"]), "\n";
    $constant = new \ReflectionClassConstant("DoraRPC\\DoraConst", "SW_RECIVE_TIMEOUT");
    var_dump(\DoraRPC\DoraConst::SW_RECIVE_TIMEOUT === $constant->getValue(), constant("DoraRPC\\DoraConst::SW_CONTROL_CMD"));
    try {
        $obj->changeMode(array("type" => 1));
    } catch (\Exception $e) {
        echo $e->getCode(), "\n";
    }
    PHP);

foreach (['client.php', 'other.php'] as $name) {
    $process = proc_open(php_command($name), [1 => ['pipe', 'w']], $pipes, $folder);
    echo stream_get_contents($pipes[1]), 'status ', proc_close($process), "\n";
}
array_map(unlink(...), glob("$folder/*"));
rmdir($folder);
var_dump($server->stop());
?>
--EXPECTF--
single: {"path":"\/product\/get","param":{"id":7,"round":0}}
multi, pot: {"path":"\/product\/get","param":{"id":2}}
multi, none: Exception: no such product
accepted: 100001
accepted: 100001
later: {"path":"\/product\/get","param":{"id":7,"round":0}}
later, pot: {"path":"\/product\/get","param":{"id":2}}
single: {"path":"\/product\/get","param":{"id":7,"round":1}}
multi, pot: {"path":"\/product\/get","param":{"id":2}}
multi, none: Exception: no such product
accepted: 100001
accepted: 100001
later: {"path":"\/product\/get","param":{"id":7,"round":1}}
later, pot: {"path":"\/product\/get","param":{"id":2}}
single: {"path":"\/product\/get","param":{"id":7,"round":2}}
multi, pot: {"path":"\/product\/get","param":{"id":2}}
multi, none: Exception: no such product
accepted: 100001
accepted: 100001
later: {"path":"\/product\/get","param":{"id":7,"round":2}}
later, pot: {"path":"\/product\/get","param":{"id":2}}
fixed: {"path":"\/product\/get","param":{"id":7,"round":2}}
requests so far: %d
status 0
{"path":"\/user\/get","param":{"id":7}}
{"path":"\/b","param":[1]}
bool(true)
string(2) "SC"
-1
status 0
int(0)
