--TEST--
the stub files, the generated arginfo and the classes as they are agree
--SKIPIF--
<?php
require __DIR__ . '/common.inc';
if (!is_file(root_dir() . '/bindings/php/stubs/dora.stub.php')) {
    die('skip no sources');
}
?>
--FILE--
<?php
require __DIR__ . '/common.inc';

/* Each stub again under a namespace of its own: its declarations beside those of the module. */
foreach (glob(root_dir() . '/bindings/php/stubs/*.stub.php') as $file) {
    $stub = file_get_contents($file);
    $arginfo = file_get_contents(dirname($file, 2) . '/' . basename($file, '.stub.php') . '_arginfo.h');
    preg_match('/Stub hash: ([0-9a-f]{40})/', $arginfo, $match);
    if ($match[1] !== sha1(str_replace("\r\n", "\n", $stub))) {
        echo basename($file), ": generate its arginfo again\n";
    }
    $code = preg_replace(['/^<\?php/', '/\bnamespace (?=Dora)/'], ['', 'namespace Stub\\'], $stub);
    eval($code);
}

function signature(ReflectionFunctionAbstract $function): string
{
    $params = [];
    foreach ($function->getParameters() as $param) {
        $text = $param->getType() . ' $' . $param->getName();
        if ($param->isVariadic()) {
            $text .= ' ...';
        } elseif ($param->isOptional()) {
            $text .= ' = ' . json_encode($param->getDefaultValue());
        }
        $params[] = $text;
    }
    $modifiers = $function instanceof ReflectionMethod
        ? implode(' ', Reflection::getModifierNames($function->getModifiers())) : '';
    return str_replace('Stub\\', '', "$modifiers(" . implode(', ', $params) . '): ' . $function->getReturnType());
}

function describe(ReflectionClass $class): array
{
    $lines = ['class' => ($class->isFinal() ? 'final ' : '') . ($class->getParentClass() ?: null)?->getName()];
    foreach ($class->getMethods() as $method) {
        if ($method->getDeclaringClass()->getName() === $class->getName()) {
            $lines[$method->getName()] = signature($method);
        }
    }
    foreach ($class->getProperties() as $property) {
        if ($property->getDeclaringClass()->getName() === $class->getName()) {
            $lines['$' . $property->getName()] = implode(' ', Reflection::getModifierNames($property->getModifiers()))
                . ' ' . $property->getType();
        }
    }
    foreach ($class->getReflectionConstants() as $constant) {
        $lines['const ' . $constant->getName()] = json_encode($constant->getValue());
    }
    return str_replace('Stub\\', '', $lines);
}

$module = new ReflectionExtension('dora');
$declared = [];
foreach ([...get_declared_classes(), ...get_declared_interfaces()] as $name) {
    if (str_starts_with($name, 'Stub\\')) {
        $declared[] = $real = substr($name, 5);
        if (describe(new ReflectionClass($name)) !== describe(new ReflectionClass($real))) {
            echo "$real differs\n";
        }
    }
}
$real = array_unique(array_map(fn($name) => (new ReflectionClass($name))->getName(), $module->getClassNames())); // without aliases
sort($real);
sort($declared);
echo $real === $declared ? "the same classes\n" : "other classes\n";
echo implode(' ', array_keys($module->getFunctions())), ' ', signature(new ReflectionFunction('Dora\zygote')), "\n";
preg_match('/#define DORA_VERSION "(.*)"/', file_get_contents(root_dir() . '/core/include/dora/version.h'), $match);
echo $module->getVersion() === $match[1] ? "the version is C's\n" : "another version\n";
ob_start();
$module->info();
echo preg_match('/^Program dora => .*cmake/m', ob_get_clean()) ? "it says where the program is\n" : "no word of the program\n";
?>
--EXPECT--
the same classes
Dora\zygote (): never
the version is C's
it says where the program is
