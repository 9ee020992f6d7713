#!/bin/sh
# Builds the extension and runs the phpt tests. The last line is "N passed, N failed".
#
#     tests/php/run.sh [TEST...]     names of tests in tests/php, without .phpt; all by default
#
# DORA_PHP_OUT names another build folder than out/php, DORA_BIN the dora program (without it, what
# needs it is skipped). DORA_SANITIZE=1 builds with the address and undefined sanitizers.
set -u

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${DORA_PHP_OUT:-$root/out/php}
php=${DORA_PHP:-php}

if [ "${DORA_SANITIZE:-0}" = 1 ]; then
    out=$out-sanitize
    sanitizers="-fsanitize=address,undefined"
    export CC=gcc CFLAGS="-g -O1 -fno-omit-frame-pointer $sanitizers" LDFLAGS="$sanitizers"
fi
module=$("$root/bindings/php/build.sh" "$out") || {
    echo "0 passed, 1 failed"
    exit 1
}
out=$(cd "$out" && pwd)
runner=$out/src/run-tests.php

# run-tests.php writes beside the tests, so they run in a copy.
rm -rf "$out/tests"
mkdir -p "$out/tests"
cp "$here"/*.phpt "$here"/*.inc "$out/tests/"

if [ $# -gt 0 ]; then
    chosen=
    for name in "$@"; do
        chosen="$chosen $out/tests/$name.phpt"
    done
else
    chosen=$out/tests
fi

export DORA_ROOT="$root" DORA_PHP_EXTENSION="$module" NO_INTERACTION=1
export TEST_PHP_EXECUTABLE="$(command -v "$php")"
preload=
if [ "${DORA_SANITIZE:-0}" = 1 ]; then
    gcc -D_GNU_SOURCE -shared -fPIC -o "$out/dlopen.so" "$here/dlopen.c" || exit 1
    preload="$out/dlopen.so $(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
    # Leaks: PHP leaves much to the end of the process. Its own allocator would hide errors.
    export USE_ZEND_ALLOC=0 UBSAN_OPTIONS=print_stacktrace=1:log_path="$out/report"
    export ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0:log_path="$out/report"
    rm -f "$out"/report.*
fi
# shellcheck disable=SC2086
LD_PRELOAD=$preload "$php" -n "$runner" -n -q -j2 --no-color --offline --set-timeout 240 \
    -d "extension=$module" $chosen 2>&1 | tr '\r' '\n' >"$out/tests.log"

failed=$(grep -cE '^(FAIL|LEAK|BORK|WARN) ' "$out/tests.log")
passed=$(grep -c '^PASS ' "$out/tests.log")
grep -E '^(FAIL|LEAK|BORK|WARN|SKIP) ' "$out/tests.log"
for diff in "$out"/tests/*.diff; do
    [ -f "$diff" ] && echo "--- ${diff##*/}" && head -n 60 "$diff" && echo
done
for report in "$out"/report.*; do
    [ -f "$report" ] && head -n 40 "$report" && failed=$((failed + 1))
done
if [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ]; then
    tail -n 20 "$out/tests.log"
    failed=1
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
