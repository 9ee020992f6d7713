--TEST--
between tasks: 10,000 tasks that change all that PHP's standard module keeps leave memory flat
--FILE--
<?php
require __DIR__ . '/between.inc';

foreach (['posix', 'sockets', 'gettext'] as $module) {
    if (!extension_loaded($module) && is_file(ini_get('extension_dir') . "/$module.so")) {
        $modules[] = $module;
    }
}
between_memory(__DIR__ . '/between_standard.inc', ...$modules ?? []);
?>
--EXPECT--
PHP's memory: flat
all memory (KiB): flat
descriptors: flat
