<?php
// The client in PHP: client.php ADDRESS FLAGS MARKS; see run.py for what it prints.
[, $address, $flags, $marks] = $argv;

function param(int $n): array
{
    global $marks;
    return ['n' => $n, 'marks' => $marks, 'text' => str_repeat('t', 2000)];
}

function pair(string $name, int $n): array
{
    return ['a' => [$name, param($n)], 'b' => [$name, param($n + 1)]];
}

function shown(mixed $found): string
{
    if ($found instanceof Throwable) {
        throw $found;
    }
    return bin2hex(Dora\Wire::encode($found));
}

function both(array $found): string
{
    return shown($found['a']) . ' ' . shown($found['b']);
}

function result_of(Dora\Client $client, string $guid): mixed
{
    $found = $client->collect(10.0);
    if (array_keys($found) !== [$guid]) {
        throw new RuntimeException('collected ' . implode(',', array_keys($found)) . ", not $guid");
    }
    if ($found[$guid] instanceof Throwable) {
        throw $found[$guid];
    }
    return $found[$guid];
}

function accepted(callable $send): string
{
    $send();
    return 'accepted';
}

/** The parts of a stream, then its result or the code of its error. */
function parts_of(Dora\Client $client, string $name, int $n): string
{
    $said = [];
    $stream = $client->stream($name, param($n));
    try {
        foreach ($stream as $part) {
            $said[] = shown($part);
            if ($n === 12) {
                $stream->cancel();
            }
        }
        $said[] = shown($stream->getReturn());
    } catch (Dora\HandlerException $error) {
        $said[] = '!' . $error->getCode();
    }
    return implode(' ', $said);
}

function cells(Dora\Client $client, string $name): array
{
    $parts = str_replace('/say', '/parts', $name);
    return [
        'ST_S' => fn() => parts_of($client, $parts, 10),
        'error' => fn() => parts_of($client, $parts, 11),
        'cancel' => fn() => parts_of($client, $parts, 12),
        'W_S' => fn() => shown($client->call($name, param(1))),
        'W_M' => fn() => both($client->callMany(pair($name, 2))),
        'AN_S' => fn() => accepted(fn() => $client->send($name, param(4))),
        'AN_M' => fn() => accepted(fn() => $client->sendMany(pair($name, 5))),
        'AM_S' => fn() => shown(result_of($client, $client->submit($name, param(7)))),
        'AM_M' => fn() => both(result_of($client, $client->submitMany(pair($name, 8)))),
    ];
}

$client = new Dora\Client($address, ['timeout' => 10.0,
                                     'sign' => str_contains($flags, 'sign'),
                                     'gzip' => str_contains($flags, 'gzip'),
                                     'tls_ca' => getenv('SAY_TLS_CA') ?: null,
                                     'tls_cert' => getenv('SAY_TLS_CERT') ?: null,
                                     'tls_key' => getenv('SAY_TLS_KEY') ?: null]);
foreach (['c', 'php', 'python'] as $handler) {
    foreach (cells($client, "/$handler/say") as $mode => $ask) {
        try {
            $text = $ask();
        } catch (Throwable $error) {
            $text = '!' . get_class($error) . ' ' . $error->getMessage();
        }
        echo "$mode\t$handler\t$text\n";
    }
}
