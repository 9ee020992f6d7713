<?php
/** What people say, in short: a service's words, passed on one by one while they come. */

declare(strict_types=1);

require __DIR__ . '/../shop.php';

$id = filter_input(INPUT_GET, 'id', FILTER_VALIDATE_INT) ?: 1;

header('Content-Type: text/plain; charset=utf-8');
header('Cache-Control: no-store');
header('X-Accel-Buffering: no'); // nginx: pass it on at once
while (ob_get_level() > 0) {
    ob_end_flush();
}
try {
    // Who leaves the page ends this script at its next word, and that the service's work.
    foreach (client()->stream('/review/short', ['product' => $id]) as $word) {
        echo $word, ' ';
        flush();
    }
} catch (Dora\Exception $error) {
    error_log("short: {$error->getMessage()} ({$error->getCode()})");
    echo '(The rest cannot be had right now.)';
}
