--TEST--
the stub file, the generated arginfo and the classes as they are agree
--SKIPIF--
<?php
require __DIR__ . '/common.inc';
if (!is_file(root_dir() . '/bindings/php/dora.stub.php')) {
    die('skip no sources');
}
?>
--FILE--
<?php
require __DIR__ . '/common.inc';

$stub = file_get_contents(root_dir() . '/bindings/php/dora.stub.php');
$arginfo = file_get_contents(root_dir() . '/bindings/php/dora_arginfo.h');
preg_match('/Stub hash: ([0-9a-f]{40})/', $arginfo, $match);
echo $match[1] === sha1(str_replace("\r\n", "\n", $stub)) ? "generated from this stub\n" : "generate arginfo again\n";

/* The stub again under another namespace: its declarations beside those of the module. */
$code = str_replace('namespace Dora {', 'namespace Stub {', $stub);
$code = preg_replace('/^<\?php/', '', $code);
$code = preg_replace('/\bDora\\\\/', 'Stub\\\\', $code);
eval($code);

function signature(ReflectionFunctionAbstract $function): string
{
    $params = [];
    foreach ($function->getParameters() as $param) {
        $text = $param->getType() . ' $' . $param->getName();
        if ($param->isOptional()) {
            $text .= ' = ' . json_encode($param->getDefaultValue());
        }
        $params[] = $text;
    }
    $modifiers = $function instanceof ReflectionMethod
        ? implode(' ', Reflection::getModifierNames($function->getModifiers())) : '';
    return str_replace('Stub\\', 'Dora\\', "$modifiers(" . implode(', ', $params) . '): ' . $function->getReturnType());
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
    return str_replace('Stub\\', 'Dora\\', $lines);
}

$module = new ReflectionExtension('dora');
$declared = [];
foreach (get_declared_classes() as $name) {
    if (str_starts_with($name, 'Stub\\')) {
        $declared[] = substr($name, 5);
        if (describe(new ReflectionClass($name)) !== describe(new ReflectionClass('Dora\\' . substr($name, 5)))) {
            echo "$name differs\n";
        }
    }
}
$real = array_map(fn($name) => substr($name, 5), $module->getClassNames());
sort($real);
sort($declared);
echo $real === $declared ? count($real) . " classes\n" : "other classes\n";
echo implode(' ', array_keys($module->getFunctions())), ' ', signature(new ReflectionFunction('Dora\zygote')), "\n";
echo $module->getVersion(), "\n";
?>
--EXPECT--
generated from this stub
9 classes
Dora\zygote (): never
0.1.0
