<?php
/* Three forms of a monitor program: `readme` and `capital` start in the constructor, `today` by
 * start(). */

[, $form, $redis, $file] = $argv;
$one = ['ip' => '127.0.0.1', 'port' => $redis];
$list = [$one, ['ip' => '', 'port' => '6380'], $one];
if ($form === 'today') {
    require __DIR__ . '/monitor_today.php';
} elseif ($form === 'capital') {
    $config = ['Discovery' => $list, 'Config' => $file, 'Log' => []];
    $res = new \DoraRPC\Monitor('127.0.0.1', 0, $config);
} else {
    $res = new \DoraRPC\Monitor("", 0, $list, $file);
}
echo "watched\n";
