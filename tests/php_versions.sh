#!/usr/bin/env bash
# Builds the extension and runs the phpt tests on every PHP whose bin folder is given. Not a part of
# tests/run.sh: it takes minutes for each. tests/php_source.sh builds PHP of several kinds.
#
#     tests/php_versions.sh BIN_DIR...
#
# Prints a line for each: version, kind, count. The last line is "N passed, N failed" over all.
set -u
dora_root=$(cd "$(dirname "$0")/.." && pwd)
cd "$dora_root" || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
[ $# -gt 0 ] || { sed -n '2,7s/^# \?//p' "$0"; exit 2; }
out=${DORA_TEST_OUT:-$dora_root/out/tests}

# kind_of PHP: its version, and NTS or ZTS, and debug.
kind_of()
{
    "$1" -n -r 'echo PHP_VERSION, " ", PHP_ZTS ? "ZTS" : "NTS", PHP_DEBUG ? " debug" : "";'
}

# versions_run BIN_DIR: the phpt tests there, for dora_each_version.
versions_run()
{
    local bin=$1 log
    kind=$bin line="0 passed, 1 failed"
    if [ ! -x "$bin/php" ] || [ ! -x "$bin/phpize" ] || [ ! -x "$bin/php-config" ]; then
        echo "$bin has no php, phpize and php-config"
        return
    fi
    kind=$(kind_of "$bin/php")
    log=$out/php-${kind// /-}.log
    echo "== $kind ($bin)"
    PHPIZE=$bin/phpize PHP_CONFIG=$bin/php-config DORA_PHP=$bin/php \
        DORA_PHP_OUT=$out/php-${kind// /-} sh tests/php/run.sh 2>&1 | tee "$log"
    if [[ $(tail -n 1 "$log") =~ ^[0-9]+\ passed,\ [0-9]+\ failed$ ]]; then
        line=${BASH_REMATCH[0]}
    fi
}

if [ -z "${DORA_BIN:-}" ]; then
    dora_target=dora dora_build_core "$out/release" -DDORA_TESTS=ON ||
        { echo "0 passed, 1 failed"; exit 1; }
    export DORA_BIN=$out/release/dora
fi
dora_each_version 20 versions_run "$@"
