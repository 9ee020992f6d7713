#!/usr/bin/env bash
# What a machine lacks to build Dora, or has too old, is said in one line that names it, what is
# needed and Debian's package; by cmake and by pip's build alike. tests/phpize.sh has the same of
# phpize.
#
#     tests/refused.sh FOLDER
set -u
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lacking.sh
. tests/lacking.sh
python=/usr/bin/python3
passed=0
failed=0

# refuses WHAT LINES COMMAND...: the command fails and each of LINES is a line of its output.
refuses()
{
    local what=$1 lines=$2 line
    shift 2
    "$@" >"$folder/log" 2>&1 && lines="no refusal"
    while IFS= read -r line; do
        if ! sed 's/^ *//' "$folder/log" | grep -qxF -- "$line"; then
            failed=$((failed + 1))
            printf 'refused: FAILED %s: no line "%s"\n' "$what" "$line"
            tail -n 20 "$folder/log"
            return
        fi
    done <<<"$lines"
    passed=$((passed + 1))
}

# cmake_with OPTION...: a configuration that looks for programs in PATH alone.
cmake_with()
{
    rm -rf "$folder/cmake"
    cmake -S . -B "$folder/cmake" -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=FALSE "$@"
}

# pip_with [STATEMENT]: the build that pip runs, after a statement in the same interpreter.
pip_with()
{
    "$python" -W ignore -c "import runpy, sys, sysconfig
sys.argv = ['setup.py', '-q', 'egg_info', '--egg-base', '$folder']
${1:-}
runpy.run_path('setup.py', run_name='__main__')"
}

lacking "$folder/no-pkg-config" '*pkg-config*' '*pkgconf*'
lacking "$folder/no-compiler" cc gcc clang c89 c99 'c??-gcc' 'gcc-*' 'clang-*' '*-linux-gnu-gcc*'
libraries=core/libraries.txt
old_libraries $libraries "$folder/old"

for build in cmake_with pip_with; do
    PATH=$folder/no-pkg-config refuses "$build without pkg-config" "$no_pkg_config" $build
    PKG_CONFIG_LIBDIR=$folder PKG_CONFIG_PATH='' refuses "$build without libraries" \
        "$(told_of_libraries $libraries "is missing")" $build
    PKG_CONFIG_LIBDIR=$folder/old PKG_CONFIG_PATH='' refuses "$build with old libraries" \
        "$(told_of_libraries $libraries "0.0.1 is too old")" $build
done
lacking "$folder/no-phpize" 'phpize*'
PATH=$folder/no-phpize refuses "packages without phpize" \
    "phpize is missing: DORA_PACKAGES needs it (Debian's package php-dev)" \
    cmake_with -DDORA_PACKAGES=ON -DCMAKE_INSTALL_PREFIX=/usr
mkdir -p "$folder/no-setuptools"
echo "raise ImportError" >"$folder/no-setuptools/setuptools.py"
PYTHONPATH=$folder/no-setuptools refuses "packages without setuptools" \
    "setuptools is missing: DORA_PACKAGES needs it for /usr/bin/python3 \
(Debian's package python3-setuptools)" \
    cmake_with -DDORA_PACKAGES=ON -DCMAKE_INSTALL_PREFIX=/usr
CC='' PATH=$folder/no-compiler refuses "cmake without a compiler" "$(no_compiler cc)" cmake_with
own=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("CC").split()[0])')
CC='' PATH=$folder/no-compiler refuses "pip without a compiler" "$(no_compiler "$own")" pip_with

narrow_compiler "$folder/cc32"
refuses "cmake for 32 bits" "$folder/cc32 makes programs of 32 bits: Dora needs 64" \
    cmake_with -DCMAKE_C_COMPILER="$folder/cc32"
refuses "pip for 32 bits" "$python is a program of 32 bits: Dora needs 64" \
    pip_with "sys.maxsize = 2**31 - 1"
refuses "pip of an old Python" \
    "Python 3.9.2 is too old: Dora needs 3.10 or newer (Debian's package python3-dev)" \
    pip_with "sys.version_info = (3, 9, 2)"
refuses "pip without headers" \
    "Python.h is missing: Dora needs the headers of Python $("$python" -c \
        'import platform; print(platform.python_version())') (Debian's package python3-dev)" \
    pip_with "sysconfig.get_path = lambda name: '$folder'"
check_source()
{
    echo '#include <dora/dora.h>' | gcc -m32 -fsyntax-only -nostdinc -Icore/include \
        -isystem "$(gcc -print-file-name=include)" -ffreestanding -x c -
}
if check_source 2>&1 | grep -q 'Dora needs a system of 64 bits'; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "refused: FAILED the headers for 32 bits"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
