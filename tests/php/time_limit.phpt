--TEST--
a time limit of an api: what is one, and what is refused
--FILE--
<?php
require __DIR__ . '/common.inc';

foreach ([null, 0, 2, 0.5, 1e-9, 86400, -0.0] as $limit) {
    report(fn () => (new Dora\App())->api('/x', fn ($param) => $param, ['timeLimit' => $limit])
        ->call('/x', 5));
}
foreach ([-1, -0.001, NAN, INF, 86400.5, PHP_INT_MAX, true, '2', [2], new stdClass()] as $limit) {
    report(fn () => (new Dora\App())->api('/x', fn () => 1, ['timeLimit' => $limit]));
}
report(fn () => (new Dora\App())->api('/x', fn () => 1, ['time_limit' => 2]));
report(fn () => (new Dora\App())->api('/x', fn () => 1, ["timeLimit\0" => 2]));
?>
--EXPECT--
5
5
5
5
5
5
5
ValueError 0: Dora\App::api(): Argument #3 ($options) of api "/x" has "timeLimit", which must be 0 (none) to 86400 seconds, not -1
ValueError 0: Dora\App::api(): Argument #3 ($options) of api "/x" has "timeLimit", which must be 0 (none) to 86400 seconds, not -0.001
ValueError 0: Dora\App::api(): Argument #3 ($options) of api "/x" has "timeLimit", which must be 0 (none) to 86400 seconds, not NAN
ValueError 0: Dora\App::api(): Argument #3 ($options) of api "/x" has "timeLimit", which must be 0 (none) to 86400 seconds, not INF
ValueError 0: Dora\App::api(): Argument #3 ($options) of api "/x" has "timeLimit", which must be 0 (none) to 86400 seconds, not 86400.5
ValueError 0: Dora\App::api(): Argument #3 ($options) of api "/x" has "timeLimit", which must be 0 (none) to 86400 seconds, not 9223372036854775807
TypeError 0: Dora\App::api(): Argument #3 ($options) of api "/x" has "timeLimit", which must be seconds, int or float, or null, not bool
TypeError 0: Dora\App::api(): Argument #3 ($options) of api "/x" has "timeLimit", which must be seconds, int or float, or null, not string
TypeError 0: Dora\App::api(): Argument #3 ($options) of api "/x" has "timeLimit", which must be seconds, int or float, or null, not array
TypeError 0: Dora\App::api(): Argument #3 ($options) of api "/x" has "timeLimit", which must be seconds, int or float, or null, not stdClass
ValueError 0: Dora\App::api(): Argument #3 ($options) of api "/x" has no option "time_limit": there are summary, named and timeLimit
ValueError 0: Dora\App::api(): Argument #3 ($options) of api "/x" has no option "timeLimit": there are summary, named and timeLimit
