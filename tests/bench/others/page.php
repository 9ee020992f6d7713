<?php
// The page that php-fpm serves; BENCH_REPLY_BYTES is how long its reply is.
file_get_contents('php://input');
$data = str_repeat('x', (int) $_SERVER['BENCH_REPLY_BYTES']);
header('Content-Length: ' . strlen($data));
echo $data;
