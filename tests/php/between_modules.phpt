--TEST--
between tasks: what modules keep is as the application left it: session, mbstring, libxml, pcntl, ...
--FILE--
<?php
require __DIR__ . '/between.inc';

foreach (['bcmath', 'dom', 'intl', 'mbstring', 'mysqlnd', 'mysqli', 'pcntl', 'session', 'simplexml',
    'soap'] as $module) {
    if (!extension_loaded($module) && is_file(ini_get('extension_dir') . "/$module.so")) {
        $modules[] = $module;
    }
}
between_check(__DIR__ . '/between_modules.inc', ...$modules ?? []);
?>
--EXPECT--
done
