--TEST--
between tasks: 10,000 tasks that change all that modules keep leave memory flat
--FILE--
<?php
require __DIR__ . '/between.inc';

foreach (['bcmath', 'dom', 'intl', 'mbstring', 'mysqlnd', 'mysqli', 'pcntl', 'session', 'simplexml',
    'soap'] as $module) {
    if (!extension_loaded($module) && is_file(ini_get('extension_dir') . "/$module.so")) {
        $modules[] = $module;
    }
}
between_memory(__DIR__ . '/between_modules.inc', ...$modules ?? []);
?>
--EXPECT--
PHP's memory: flat
all memory (KiB): flat
descriptors: flat
