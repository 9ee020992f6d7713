--TEST--
a result that is lost (100012) is a ConnectionException, whoever says so
--FILE--
<?php
$listener = stream_socket_server('tcp://127.0.0.1:0');
$node = stream_socket_get_name($listener, false);
if (pcntl_fork() === 0) { // the third call is accepted, and then its result is lost
    $codes = [100012, 100012, 100001];
    $conn = stream_socket_accept($listener);
    while (($head = fread($conn, 4)) !== '' && $head !== false) {
        $guid = substr(stream_get_contents($conn, unpack('N', $head)[1]), 0, 32);
        $say = fn($code, $more = []) => fwrite($conn, pack('N', 32 + strlen($body = serialize(
            ['guid' => $guid, 'code' => $code, 'msg' => 'no longer kept', 'data' => []] + $more))) . $guid . $body);
        $code = array_shift($codes) ?? 100012;
        $say($code);
        if ($code === 100001) {
            $say(100012, ['isresult' => 1]);
        }
    }
    exit; // its client is gone
}
fclose($listener);
$client = new Dora\Client($node, ['timeout' => 10]);
foreach (['call', 'submit'] as $method) {
    try {
        $client->$method('/a');
    } catch (Dora\Exception $error) {
        echo $method, ' ', get_class($error), ' ', $error->getCode(), "\n";
    }
}
$guid = $client->submit('/a');
$error = $client->collect()[$guid];
echo 'collect ', get_class($error), ' ', $error->getCode(), "\n";
?>
--EXPECT--
call Dora\ConnectionException 100012
submit Dora\ConnectionException 100012
collect Dora\ConnectionException 100012
