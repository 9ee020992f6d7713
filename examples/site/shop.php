<?php
/** What the page and the health check share: asking several services at once. */

declare(strict_types=1);

const TIMEOUT_S = 8.0; // of a whole page; a service's own limit, in dora.json, is below a try's
const RETRY = 2;       // the calls only read: sending one again does no harm

/** Cheap: the connections belong to the process and outlive the request. */
function client(): Dora\Client
{
    return new Dora\Client(
        getenv('DORA_NODES') ?: '127.0.0.1:9567',
        ['timeout' => TIMEOUT_S, 'retry' => RETRY]
    );
}

/**
 * Asks all of them at the same time.
 * @param array $calls key => [api name, parameter]
 * @return array{0: array, 1: float} key => data or a Dora\Exception; milliseconds
 */
function ask(array $calls): array
{
    $began = hrtime(true);
    try {
        $answers = client()->callMany($calls);
    } catch (Dora\Exception $error) {
        $answers = array_fill_keys(array_keys($calls), $error); // nobody could be asked
    }
    foreach ($answers as $key => $answer) {
        if ($answer instanceof Dora\Exception) {
            error_log("$key: {$answer->getMessage()} ({$answer->getCode()})");
        }
    }
    return [$answers, (hrtime(true) - $began) / 1e6];
}
