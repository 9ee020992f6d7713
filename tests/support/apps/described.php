<?php
/** This comment is the file's, and no handler's. */

/**
 * Adds two numbers.
 *
 * @param array $param the two
 */
function add($param)
{
    return $param[0] + $param[1];
}

/** Not shown: the tag comes first. */
class Shop
{
    /**
     * @return string
     */
    public function tagged($param)
    {
        return "";
    }

    /** Lists the goods. */
    public static function goods($param)
    {
        return [];
    }
}

$app = new Dora\App();
$app->api('/php/plain', function ($param) {
    return $param;
});
$app->api('/php/add', 'add');
$app->api('/php/tagged', [new Shop(), 'tagged']);
$app->api('/php/goods', 'Shop::goods');
$app->api('/php/closure', /** Gives it back. */ fn ($param) => $param);
$app->api('/php/builtin', 'strlen');
/** Stands before the statement. */
$app->api('/php/before', function ($param) {
    return $param;
});
$app->api('/php/behind', fn ($param) => $param);
$app->api('/php/option', 'add', ['summary' => 'Says it itself.']);
$app->run();
