#!/usr/bin/env bash
# Runs examples/quickstart.sh whole, then once more with a Ctrl-C in the middle: the answers must be
# there, and no process may stay.
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check()
{
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "quickstart: FAILED $what"
    fi
}

# Processes that carry this run's mark in their environment.
marked()
{
    grep -lz "^DORA_QUICKSTART_MARK=$1\$" /proc/[0-9]*/environ 2>/dev/null |
        while IFS=/ read -r _ _ pid _; do
            grep -q '^State:.[RSDT]' "/proc/$pid/status" 2>/dev/null && echo "$pid"
        done
}

# Whether all of them end within a minute.
nobody_left()
{
    local turn
    for turn in $(seq 600); do
        [ -z "$(marked "$1")" ] && return 0
        sleep 0.1
    done
    ps -o pid,args -p "$(marked "$1" | paste -sd,)"
    return 1
}

count_is()
{
    [ "$(grep -c "$2" "$work/out")" -eq "$1" ]
}

DORA_QUICKSTART_MARK=whole$$ timeout 2400 bash examples/quickstart.sh >"$work/out" 2>&1
check "status" [ $? -eq 0 ]
check "ready line" grep -q '^dora: ready tcp=127.0.0.1:[0-9]* http=-$' "$work/out"
check "a Python handler's answers to C, Python, PHP" count_is 3 '^single  /user/get .*: Cleo$'
check "a PHP handler's answers to C, Python, PHP" count_is 3 '^single  /product/get .*Coffee mill$'
check "answers to calls of many" count_is 3 '^many .* Cleo, Coffee mill, 55.00$'
check "nothing left running" nobody_left "whole$$"
[ "$failed" -eq 0 ] || cat "$work/out"

# Again, interrupted as soon as the server is there, as a terminal does it: the whole group.
# Job control gives the script default handling of SIGINT, which a plain `&` would take away.
set -m
DORA_QUICKSTART_MARK=half$$ bash examples/quickstart.sh >"$work/half" 2>&1 &
group=$!
set +m
for _ in $(seq 30000); do
    grep -q '^dora: ready' "$work/half" && break
    kill -0 "$group" 2>/dev/null || break
    sleep 0.02
done
kill -INT -- "-$group" 2>/dev/null
wait "$group"
check "status after Ctrl-C is not that of success" [ $? -ne 0 ]
check "nothing left running after Ctrl-C" nobody_left "half$$"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
