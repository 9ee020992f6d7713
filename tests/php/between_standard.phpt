--TEST--
between tasks: what PHP's standard module keeps is as the application left it
--FILE--
<?php
require __DIR__ . '/between.inc';

foreach (['posix', 'sockets', 'gettext'] as $module) {
    if (!extension_loaded($module) && is_file(ini_get('extension_dir') . "/$module.so")) {
        $modules[] = $module;
    }
}
between_check(__DIR__ . '/between_standard.inc', ...$modules ?? []);
?>
--EXPECT--
done
