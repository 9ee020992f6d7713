#!/bin/sh
# Measures everything and writes core/PERFORMANCE.md and its pictures. Takes an hour and a half or
# so, on a machine that should have nothing else to do.
#
#     tests/bench/all.sh [ROUNDS [SECONDS]]     5 rounds of 2 s by default
#
# Builds what it needs under out/bench, and leaves the results there as JSON.
set -eu
dora_root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$dora_root"
rounds=${1:-5}
seconds=${2:-2}
out=$dora_root/out/bench
bash -eu -c '
    dora_root=$1 out=$2
    . tests/lib.sh
    dora_need "${dora_packages_build[@]}" strace valgrind util-linux
    dora_build_core "$out/release" -DDORA_TESTS=ON
    dora_build_python "$out/venv"
    dora_build_php "$out/php"
    echo "$dora_php_module" >"$out/module"
' sh "$dora_root" "$out"
export DORA_BIN="$out/release/dora" DORA_PYTHON="$out/venv/bin/python" PYTHONDONTWRITEBYTECODE=1
DORA_PHP_EXTENSION=$(cat "$out/module")
export DORA_PHP_EXTENSION
run()
{
    program=$1
    shift
    "$DORA_PYTHON" "tests/bench/$program.py" --build "$out/release" "$@"
}
run run --rounds "$rounds" --seconds "$seconds" --json "$out/results.json"
run others --rounds "$rounds" --seconds "$seconds" --json "$out/others.json"
run overload --rounds "$rounds" --json "$out/overload.json"
run first_part --rounds "$rounds" --json "$out/first_part.json"
run syscalls --seconds "$seconds" --json "$out/syscalls.json"
run instructions
"$DORA_PYTHON" tests/bench/report.py "$out/results.json" "$out/others.json" \
    "$out/overload.json" "$out/syscalls.json"
echo "core/PERFORMANCE.md, core/performance.svg and core/overload.svg are written"
