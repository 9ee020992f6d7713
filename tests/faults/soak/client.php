<?php
// The soak's client in PHP: client.php NODES MARK, until its standard input ends. Prints a line for
// each call: who asks, its type, from when to when in ns of hrtime(), the handlers, and their
// codes, 0 where it went well.
const NAMES = ['/python/echo', '/php/echo', '/c/echo', '/php/slow'];
const STREAMS = ['/python/parts', '/php/parts', '/c/parts'];
const PARTS = 20;
const LEAVES_AFTER = 5;

/** Reads a stream to its end, or leaves it in the middle; says what is wrong with what came. */
function stream(Dora\Client $client, string $name, array $param, bool $leaves): void
{
    $seen = 0;
    foreach ($stream = $client->stream($name, $param, ['timeout' => 60.0]) as $number => $part) {
        if ([$number, $part] !== [$seen, [$seen, $param]]) {
            throw new LogicException("part $seen of $name is another one's");
        }
        $seen++;
        if ($leaves && $seen === LEAVES_AFTER) {
            $stream->cancel();
            return;
        }
    }
    if ($seen !== PARTS || $stream->getReturn() !== $param) {
        throw new LogicException("$seen parts of $name, or a result of somebody else");
    }
}

[, $nodes, $mark] = $argv;
$client = new Dora\Client($nodes, ['timeout' => 60.0]);
stream_set_blocking(STDIN, false);
for ($number = 0; fgets(STDIN) === false && !feof(STDIN); $number++) {
    $param = ['n' => "$mark-$number", 'fill' => 'abc'];
    $name = NAMES[intdiv($number, 6) % 4];
    $apis = [$name];
    $codes = [0];
    $began = hrtime(true);
    try {
        switch ($number % 6) {
            case 0:
                [$kind, $apis, $codes] = ['W_M', NAMES, [0, 0, 0, 0]];
                $came = $client->callMany(array_map(fn($one) => [$one, $param], NAMES));
                foreach ($came as $at => $one) {
                    $codes[$at] = $one instanceof Throwable ? $one->getCode() : 0;
                }
                break;
            case 1:
                $kind = 'AN_S';
                $client->send($name, $param);
                break;
            case 2:
                $kind = 'AM_S';
                $client->result($client->submit($name, $param), 60.0);
                break;
            case 3:
                $leaves = intdiv($number, 18) % 3 === 0;
                [$kind, $apis] = [$leaves ? 'CN' : 'ST_S', [STREAMS[intdiv($number, 6) % 3]]];
                stream($client, $apis[0], $param, $leaves);
                break;
            default:
                $kind = 'W_S';
                $client->call($name, $param);
        }
    } catch (Dora\Exception $error) {
        $codes = array_fill(0, count($apis), $error->getCode());
    }
    fwrite(STDOUT, "$mark-$number $kind $began " . hrtime(true) . ' ' . implode(',', $apis) . ' '
        . implode(',', $codes) . "\n");
    usleep(20000);
}
