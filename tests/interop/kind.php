<?php
/** The types of a value and of all in it: "array(string:integer,integer:array())". */
function kind(mixed $value): string
{
    if (!is_array($value)) {
        return gettype($value);
    }
    $parts = [];
    foreach ($value as $key => $item) {
        $parts[] = gettype($key) . ':' . kind($item);
    }
    return 'array(' . implode(',', $parts) . ')';
}
