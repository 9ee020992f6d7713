<?php
// The client in PHP: client.php ADDRESS FILE; see run.py for what it reads and prints.
require_once __DIR__ . '/kind.php';

const LANGUAGES = ['c', 'php', 'python'];

function show(string $name, string $what, callable $give): void
{
    try {
        $data = bin2hex($give());
    } catch (Throwable $error) {
        $data = '!' . get_class($error) . ' ' . $error->getMessage();
    }
    echo "$name\t$what\t$data\n";
}

function answer(mixed $found): string
{
    if ($found instanceof Dora\Exception) {
        throw $found;
    }
    return Dora\Wire::encode($found);
}

function ask(Dora\Client $client, string $name, mixed $value): void
{
    $calls = [];
    foreach (LANGUAGES as $language) {
        $echo = fn() => $client->call("/$language/echo", $value);
        show($name, "one:$language", fn() => Dora\Wire::encode($echo()));
        show($name, "back:$language", fn() => kind($echo()));
        show($name, "kind:$language", fn() => $client->call("/$language/kind", $value));
        $calls[$language] = ["/$language/echo", $value];
    }
    try {
        $found = $client->callMany($calls);
    } catch (Dora\Exception $error) {
        $found = array_fill_keys(LANGUAGES, $error);
    }
    foreach (LANGUAGES as $language) {
        show($name, "many:$language", fn() => answer($found[$language]));
    }
}

$client = new Dora\Client($argv[1], ['timeout' => 20.0]);
foreach (file($argv[2], FILE_IGNORE_NEW_LINES) as $line) {
    [$name, $digits] = explode("\t", $line);
    ask($client, $name, Dora\Wire::decode(hex2bin($digits)));
}
