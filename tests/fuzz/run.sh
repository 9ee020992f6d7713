#!/usr/bin/env bash
# Looks for inputs that break a fuzz target, guided by which parts of the core they reach.
#
#     tests/fuzz/run.sh TARGET|all [SECONDS]     frame, json, message, redis, value; 300 s each
#
# Builds the targets and the core with clang's libFuzzer, its coverage and the sanitizers, in
# out/fuzz. New inputs gather in out/fuzz/TARGET; what crashes is left in out/fuzz/crash-TARGET-...
# and goes to tests/fuzz/corpus/TARGET with the mend: the normal run replays it from then on.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/out/fuzz
build=$out/build
targets=()
for file in "$root"/tests/fuzz/fuzz_*.c; do
    name=${file##*/fuzz_}
    targets+=("${name%.c}")
done

usage()
{
    echo "usage: tests/fuzz/run.sh TARGET|all [SECONDS]; targets: ${targets[*]}" >&2
    exit 2
}

[ $# -ge 1 ] && [ $# -le 2 ] || usage
seconds=${2:-300}
chosen=("$1")
[ "$1" = all ] && chosen=("${targets[@]}")
for name in "${chosen[@]}"; do
    [ -f "$root/tests/fuzz/fuzz_$name.c" ] || usage
done

# shellcheck source=tests/lib.sh
. "$root/tests/lib.sh"
dora_need "${dora_packages_build[@]}" clang libclang-rt-dev
mkdir -p "$out"
cmake -S "$root" -B "$build" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_C_FLAGS_DEBUG="-g1 -O1" -DDORA_TESTS=ON -DDORA_FUZZ=ON \
    -DDORA_SANITIZE=address,undefined >"$out/build.log"
cmake --build "$build" -j "${DORA_FUZZ_JOBS:-2}" --target "${chosen[@]/#/fuzz_}" \
    >>"$out/build.log" 2>&1 ||
    { tail -40 "$out/build.log" >&2; exit 1; }

status=0
for name in "${chosen[@]}"; do
    mkdir -p "$out/$name"
    echo "== $name, $seconds s"
    "$build/tests/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$out/crash-$name-" \
        "$out/$name" "$root/tests/fuzz/corpus/$name" >"$out/$name.log" 2>&1 || {
        status=1
        echo "FAILED, see $out/$name.log"
    }
    grep -E "DONE|SUMMARY|Test unit written|stat::number_of_executed_units" "$out/$name.log" || true
done
exit "$status"
