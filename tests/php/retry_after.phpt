--TEST--
a refusal: where a server has no room, its error says when it is likely to have it
--FILE--
<?php
$listener = stream_socket_server('tcp://127.0.0.1:0');
$node = stream_socket_get_name($listener, false);
if (pcntl_fork() === 0) { // what it has no room for is told to come again in 250 ms; then it says nothing of that
    $data = ['retry_after_ms' => 250];
    $conn = stream_socket_accept($listener);
    while (($head = fread($conn, 4)) !== '' && $head !== false) {
        $frame = stream_get_contents($conn, unpack('N', $head)[1]);
        $guid = substr($frame, 0, 32);
        $request = unserialize(substr($frame, 32));
        $full = ['guid' => $guid, 'code' => 100203, 'msg' => 'full', 'data' => $data];
        $reply = ['guid' => $guid, 'code' => 0, 'msg' => 'OK', 'data' => $full];
        if ($request['type'] === 'W_M') {
            $reply['data'] = array_map(fn($api) => $full, $request['api']);
            $data = [];
        } elseif ($request['type'] !== 'W_S') {
            $reply = $full;
        }
        $body = serialize($reply);
        fwrite($conn, pack('N', 32 + strlen($body)) . $guid . $body);
    }
    exit; // its client is gone
}
fclose($listener);
$client = new Dora\Client($node, ['timeout' => 10]);
function told(Dora\Exception $error): string
{
    return get_class($error) . ' ' . $error->getCode() . ' ' . var_export($error->retryAfterMs, true);
}
foreach (['call', 'send', 'submit', 'callMany', 'call', 'send'] as $method) {
    try {
        $results = $client->$method($method === 'callMany' ? ['a' => ['/a', 1]] : '/a');
        echo $method, ' ', told($results['a']), "\n";
    } catch (Dora\Exception $error) {
        echo $method, ' ', told($error), "\n";
    }
}
echo var_export((new Dora\HandlerException('mine'))->retryAfterMs, true), ' ', json_encode($error), "\n";
?>
--EXPECT--
call Dora\NotRunException 100203 250
send Dora\NotRunException 100203 250
submit Dora\NotRunException 100203 250
callMany Dora\NotRunException 100203 250
call Dora\NotRunException 100203 NULL
send Dora\NotRunException 100203 NULL
NULL {"code":100203,"message":"full"}
