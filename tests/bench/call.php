<?php
// What a blocking call costs its caller in PHP: call.php HOST:PORT SECONDS; one line of JSON.

const WARM_UP_CALLS = 500;

function cpu_us(): float
{
    $use = getrusage();
    return ($use['ru_utime.tv_sec'] + $use['ru_stime.tv_sec']) * 1e6
        + $use['ru_utime.tv_usec'] + $use['ru_stime.tv_usec'];
}

$client = new Dora\Client($argv[1]);
$param = ['id' => 7, 'name' => 'Ann'];
for ($i = 0; $i < WARM_UP_CALLS; $i++) {
    $client->call('/bench/get', $param);
}
$count = 0;
$used = cpu_us();
$begin = hrtime(true);
$end = $begin + (int) ($argv[2] * 1e9);
while (hrtime(true) < $end) {
    $client->call('/bench/get', $param);
    $count++;
}
$used = cpu_us() - $used;
echo json_encode([
    'requests' => $count,
    'per_second' => $count * 1e9 / (hrtime(true) - $begin),
    'client_cpu_us' => $used / $count,
]), "\n";
