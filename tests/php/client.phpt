--TEST--
Dora\Client: arguments, and servers that are not there
--FILE--
<?php
require __DIR__ . '/common.inc';

report(fn() => new Dora\Client('nope'));
report(fn() => new Dora\Client(''));
report(fn() => new Dora\Client([]));
report(fn() => new Dora\Client([7]));
report(fn() => new Dora\Client("a:1\0b"));
report(fn() => new Dora\Client('127.0.0.1:1', ['timout' => 1]));
report(fn() => new Dora\Client('127.0.0.1:1', ['timeout' => 0]));
foreach ([NAN, INF, 1e12, PHP_INT_MAX] as $seconds) {
    report(fn() => new Dora\Client('127.0.0.1:1', ['timeout' => $seconds]));
}
report(fn() => new Dora\Client('127.0.0.1:1', ['timeout' => null, 'sign' => true, 'salt' => 's', 'gzip' => true]));
report(fn() => new Dora\Client(['127.0.0.1:1', '127.0.0.1:2']));

$client = new Dora\Client('127.0.0.1:1', ['timeout' => 10]);
report(fn() => clone $client);
report(fn() => serialize($client));
report(fn() => (new ReflectionClass('Dora\Client'))->newInstanceWithoutConstructor()->call('/x'));
report(fn() => $client->call('/x'));
report(fn() => $client->callMany(['a' => ['/x']]));
report(fn() => $client->callMany([]));
report(fn() => $client->call('/x', new SplObjectStorage));
report(fn() => $client->call('/x', null, ['timeout' => '1']));
report(fn() => $client->call('/x', null, ['sign' => true]));
report(fn() => $client->call(''));
report(fn() => $client->callMany(['a' => '/x']));
report(fn() => $client->callMany(['a' => [1]]));
report(fn() => $client->callMany([['/x', 1, 2]]));
report(fn() => $client->callMany(['k' => ['/x', ['o' => new SplObjectStorage]]]));
report(fn() => $client->call('/x', str_repeat('x', 3 << 20)));

echo "a server that never answers\n";
$silent = stream_socket_server('tcp://127.0.0.1:0');
$client = new Dora\Client(stream_socket_get_name($silent, false), ['timeout' => 60]);
$begin = hrtime(true);
try {
    $client->call('/x', 1, ['timeout' => 0.2]);
} catch (Dora\TimeoutException $error) {
    echo $error->getCode(), "\n";
}
$ms = (hrtime(true) - $begin) / 1e6;
echo $ms >= 190 && $ms < 30000 ? "in time\n" : "after $ms ms\n";
foreach (['TimeoutException', 'ConnectionException', 'HandlerException', 'NotRunException'] as $name) {
    echo is_subclass_of("Dora\\$name", 'Dora\Exception') ? '' : "$name is no Dora\\Exception\n";
}
?>
--EXPECTF--
ValueError 0: Dora\Client::__construct(): Argument #1 ($nodes) is wrong: node "nope" is not host:port
ValueError 0: Dora\Client::__construct(): Argument #1 ($nodes) is wrong: nodes is empty: "host:port", a list of these, or groups by name is wanted
ValueError 0: Dora\Client::__construct(): Argument #1 ($nodes) is wrong: nodes is empty: "host:port", a list of these, or groups by name is wanted
TypeError 0: Dora\Client::__construct(): Argument #1 ($nodes) is wrong: nodes[0] is int: "host:port" is wanted
ValueError 0: Dora\Client::__construct(): Argument #1 ($nodes) is wrong: nodes has a NUL byte: "host:port", a list of these, or groups by name is wanted
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) must not have an unknown option "timout" (there are: timeout, retry, wait, priority, group, sign, salt, gzip, frame_bytes_max, token, tls, tls_ca, tls_crl, tls_cert, tls_key, tls_name, encode)
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) must have a positive number of seconds (at most 2147483) as "timeout"
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) must have a positive number of seconds (at most 2147483) as "timeout"
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) must have a positive number of seconds (at most 2147483) as "timeout", INF is too large
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) must have a positive number of seconds (at most 2147483) as "timeout", 1000000000000 is too large
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) must have a positive number of seconds (at most 2147483) as "timeout", 9.223372036854776E+18 is too large
Dora\Client
Dora\Client
Error 0: Trying to clone an uncloneable object of class Dora\Client
Exception 0: Serialization of 'Dora\Client' is not allowed
ReflectionException 0: %s
Dora\ConnectionException 100010: %s
Dora\ConnectionException 100010: %s
[]
ValueError 0: Dora\Client::call(): Argument #2 ($param) cannot be sent: $: no value on the wire for type SplObjectStorage
TypeError 0: Dora\Client::call(): Argument #3 ($options) must have a number of seconds as "timeout"
ValueError 0: Dora\Client::call(): Argument #3 ($options) must not have an unknown option "sign" (there are: timeout, retry, wait, trace, priority, group)
%s
ValueError 0: Dora\Client::callMany(): Argument #1 ($calls) must hold [name, param] for key "a"
ValueError 0: Dora\Client::callMany(): Argument #1 ($calls) must hold [name, param] for key "a"
ValueError 0: Dora\Client::callMany(): Argument #1 ($calls) must hold [name, param] for key "0"
ValueError 0: Dora\Client::callMany(): Argument #1 ($calls) cannot be sent: k: $.o: no value on the wire for type SplObjectStorage
Dora\%s
a server that never answers
100009
in time
