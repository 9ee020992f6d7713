<?php
// The soak's client in PHP: client.php NODES MARK, until its standard input ends. Prints a line for
// each call: who asks, its type, from when to when in ns of hrtime(), the handlers, and their
// codes, 0 where it went well.
const NAMES = ['/python/echo', '/php/echo', '/c/echo', '/php/slow'];

[, $nodes, $mark] = $argv;
$client = new Dora\Client($nodes, ['timeout' => 60.0]);
stream_set_blocking(STDIN, false);
for ($number = 0; fgets(STDIN) === false && !feof(STDIN); $number++) {
    $param = ['n' => "$mark-$number", 'fill' => 'abc'];
    $name = NAMES[intdiv($number, 5) % 4];
    $apis = [$name];
    $codes = [0];
    $began = hrtime(true);
    try {
        switch ($number % 5) {
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
