--TEST--
DoraRPC\Common: a private address of this host
--FILE--
<?php
$ip = (new DoraRPC\Common)->getLocalIp();
$is_private = preg_match('/^(10\.|172\.(1[6-9]|2\d|3[01])\.|192\.168\.)/', $ip) === 1;
/* Only an address of this host can be bound. */
$socket = stream_socket_server("tcp://$ip:0");
echo ($is_private || $ip === '127.0.0.1') && $socket ? "ok\n" : "$ip\n";
?>
--EXPECT--
ok
