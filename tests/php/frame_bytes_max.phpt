--TEST--
frame_bytes_max of a client; what is over a limit names the limit and its value
--FILE--
<?php
require __DIR__ . '/common.inc';

$server = new Server(<<<'PHP'
    $app = new Dora\App();
    $app->api('bytes', fn(int $count) => str_repeat('x', $count));
    $app->api('levels', function (int $count) {
        for ($value = []; --$count > 0; $value = [$value]);
        return $value;
    });
    $app->api('length', fn(string $text) => strlen($text)) RUN;
    PHP, ['frame_bytes_max' => 4 << 20]);
$small = $server->client();
$large = $server->client(['frame_bytes_max' => 4 << 20]);
$text = str_repeat('x', 3 << 20);

report(fn() => $small->call('length', $text));
report(fn() => $large->call('length', $text));
report(fn() => $small->call('bytes', 3 << 20));
report(fn() => strlen($large->call('bytes', 3 << 20)));
ini_set('dora.frame_bytes_max', '4M');
$old = new DoraRPC\Client(['g' => [['ip' => '127.0.0.1', 'port' => $server->port]]]);
$old->changeMode(['type' => 1, 'group' => 'g']);
report(fn() => $server->client()->call('length', $text));
report(fn() => $old->singleAPI('length', $text)['data']['data']['data']);
ini_restore('dora.frame_bytes_max');

echo "over the server's\n";
$more = $server->client(['frame_bytes_max' => 16 << 20]);
report(fn() => $more->call('length', str_repeat('x', 5 << 20)));
report(fn() => $more->call('bytes', 5 << 20));
report(fn() => $more->call('levels', 600));
report(fn() => count(array_filter( /* the second to be ready */
    $more->callMany(['a' => ['bytes', 3 << 20], 'b' => ['bytes', 3 << 20]]), is_object(...))));
report(fn() => $more->call('length', array_fill(0, 1 << 21, 1)));

echo "wrong ones\n";
foreach ([1023, 1024, 64 << 20, (64 << 20) + 1, -1, '4M', 4e6, true, null] as $bytes) {
    report(fn() => $server->client(['frame_bytes_max' => $bytes]));
}
report(fn() => $small->call('length', '', ['frame_bytes_max' => 2048]));
report(fn() => new Dora\Client("127.0.0.1:1\0x"));
report(fn() => new Dora\Client(["127.0.0.1:1\0"]));
report(fn() => new Dora\Client(["a\0b" => '127.0.0.1:1']));
report(fn() => (new Dora\App())->run(['host' => "127.0.0.1\0"]));
var_dump($server->stop());
?>
--EXPECTF--
Dora\Exception 100206: frame of 314594%d bytes is larger than the limit of 2097152 (frame_bytes_max)
3145728
Dora\Exception 100206: reply: frame of 3145981 bytes is larger than the limit of 2097152 (frame_bytes_max)
3145728
3145728
3145728
over the server's
Dora\Exception 100206: frame of 524309%d bytes is larger than the limit of 4194304 (frame_bytes_max)
Dora\HandlerException 100206: the result is larger than the limit of 4194304 bytes (frame_bytes_max)
Dora\HandlerException 100208: $...[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: deeper than the limit of 509 levels
1
Dora\Exception 100206: $: more than the limit of 1048576 members in all arrays
wrong ones
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) must have 1024 to 67108864 bytes as "frame_bytes_max", not 1023
Dora\Client
Dora\Client
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) must have 1024 to 67108864 bytes as "frame_bytes_max", not 67108865
ValueError 0: Dora\Client::__construct(): Argument #2 ($options) must have 1024 to 67108864 bytes as "frame_bytes_max", not -1
TypeError 0: Dora\Client::__construct(): Argument #2 ($options) must have an int as "frame_bytes_max", not string
TypeError 0: Dora\Client::__construct(): Argument #2 ($options) must have an int as "frame_bytes_max", not float
TypeError 0: Dora\Client::__construct(): Argument #2 ($options) must have an int as "frame_bytes_max", not bool
Dora\Client
ValueError 0: Dora\Client::call(): Argument #3 ($options) must not have an unknown option "frame_bytes_max" (there are: timeout, retry, wait, trace, priority, group)
ValueError 0: Dora\Client::__construct(): Argument #1 ($nodes) is wrong: nodes has a NUL byte: "host:port", a list of these, or groups by name is wanted
ValueError 0: Dora\Client::__construct(): Argument #1 ($nodes) is wrong: nodes[0] has a NUL byte: "host:port" is wanted
ValueError 0: Dora\Client::__construct(): Argument #1 ($nodes) is wrong: nodes: a group's name has a NUL byte behind a: a text that is not empty is wanted
ValueError 0: Dora\App::run(): Argument #1 ($options) must not have a NUL byte in "host"
int(0)
