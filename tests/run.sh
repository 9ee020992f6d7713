#!/usr/bin/env bash
# Builds everything and runs the tests. The last line is "N passed, N failed" over all suites.
#
#     tests/run.sh [SUITE...]       all suites by default; tests/run.sh list names them
#     tests/run.sh SUITE FILTER     of a suite what FILTER chooses: pytest's -k, a part of the
#                                   name of a C test program, names of phpt tests without .phpt,
#                                   a document
#
# Everything made goes under out/ (DORA_TEST_OUT names another folder). Installs missing Debian
# packages. Each suite's last line counts its tests; a suite that crashes counts as one failure.
set -u
dora_root=$(cd "$(dirname "$0")/.." && pwd)
cd "$dora_root" || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

suites=(style header unit sanitize threads fuzz php python pydantic interop conformance server
    faults bench install phpize packages documents quickstart site)
out=${DORA_TEST_OUT:-$dora_root/out/tests}
mkdir -p "$out"
out=$(cd "$out" && pwd)
venv=$out/venv
export DORA_BIN=$out/release/dora
export DORA_PYTHON=$venv/bin/python
export DORA_PHP_OUT=$out/php
export PYTHONDONTWRITEBYTECODE=1

filter= # of the one suite that is run; empty: all of it

# The builds are made when the first suite asks for them. They run in this shell, the suites in
# their own, so each is made once.
built=" "
need()
{
    local what
    for what in "$@"; do
        case $built in *" $what "*) continue ;; esac
        echo "== building: $what"
        "build_$what" || { echo "building $what failed"; return 1; }
        built="$built$what "
    done
}

build_release()
{
    dora_build_core "$out/release" -DDORA_TESTS=ON
}

# Of the same what the bindings' tests want.
build_program()
{
    dora_target=dora dora_build_core "$out/release" -DDORA_TESTS=ON
}

build_asan()
{
    dora_build_core "$out/asan" -DDORA_TESTS=ON -DDORA_SANITIZE=address,undefined \
        -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="-g1 -O1"
}

build_tsan()
{
    dora_build_core "$out/tsan" -DDORA_TESTS=ON -DDORA_SANITIZE=thread \
        -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="-g1 -O1"
}

build_venv()
{
    dora_build_python "$venv"
}

# The extension under the sanitizers, beside the one in the venv: PYTHONPATH puts it first.
build_venv_asan()
{
    CC=gcc CFLAGS="-g1 -O1 -fno-omit-frame-pointer -fsanitize=address,undefined" \
        LDFLAGS="-fsanitize=address,undefined" \
        "$venv/bin/python" setup.py -q build --build-base "$out/python-asan" \
        >"$out/python-asan.log" 2>&1 || { tail -60 "$out/python-asan.log"; return 1; }
}

build_module()
{
    dora_build_php "$DORA_PHP_OUT" && export DORA_PHP_EXTENSION=$dora_php_module
}

build_validator()
{
    dora_validator "$out/validator"
}

# needs_of SUITE: the builds it wants.
needs_of()
{
    case $1 in
    unit | install) echo release ;;
    sanitize) echo release asan venv venv_asan ;;
    fuzz) echo asan ;;
    threads) echo tsan venv ;;
    php) echo program module ;;
    python) echo program venv ;;
    pydantic) echo program venv validator ;;
    server) echo release venv module validator ;;
    faults | site) echo release venv module ;;
    interop | conformance | bench | documents) echo release venv module ;;
    esac
}

# run_cmocka BUILD: every unit test program of a build; counts single tests by their TAP lines.
run_cmocka()
{
    local program passed=0 failed=0 log=$1/cmocka.log
    for program in "$1"/tests/test_*"$filter"*; do
        [ -x "$program" ] && [ -f "$program" ] || continue
        CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 5 240 "$program" >"$log" 2>&1
        dora_count_cmocka "$program" $? "$log"
    done
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -ne 0 ]
}

run_pytest() { dora_run_pytest "$out/pytest.$BASHPID.log" ${filter:+-k "$filter"} "$@"; }

suite_style() { python3 tests/style/check.py; }
suite_header() { bash tests/header/run.sh; }

# run_planted BUILD: each unit test program again, with one assertion of every test failing: nothing
# may be left behind. One test a program.
run_planted()
{
    local program passed=0 failed=0 log=$1/planted.log
    for program in "$1"/tests/test_*"$filter"*; do
        [ -f "$1/tests/planted.so" ] && [ -x "$program" ] && [ -f "$program" ] || continue
        if DORA_PLANT=3 LD_PRELOAD=$1/tests/planted.so \
            timeout -k 5 240 "$program" >"$log" 2>&1; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "unit: FAILED planted ${program##*/}"
            grep -a '^LEFT ' "$log" || tail -n 20 "$log"
        fi
    done
    echo "$passed passed, $failed failed"
}

suite_unit()
{
    local first second
    first=$(run_cmocka "$out/release")
    echo "$first"
    second=$(run_planted "$out/release")
    echo "$second"
    sum_lines "$first" "$second"
}

# sanitized_pytest: a part of the Python tests with the extension under the sanitizers. Leaks are
# looked for elsewhere: the interpreter leaves much to the end of the process.
sanitized_pytest()
{
    local report=$out/python-asan.report status
    rm -f "$report".*
    (
        export PYTHONMALLOC=malloc UBSAN_OPTIONS=print_stacktrace=1:log_path=$report
        export ASAN_OPTIONS=detect_leaks=0:log_path=$report
        LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
        PYTHONPATH=$(echo "$out"/python-asan/lib*)
        export LD_PRELOAD PYTHONPATH
        run_pytest tests/python/test_{app,call,client,middleware,modes,modes_served,threads}.py \
            tests/python/test_{stream,async_stream,parts,places}.py
    ) >"$out/python-asan.pytest" 2>&1
    status=$?
    cat "$report".* 2>/dev/null && status=1 && echo "0 passed, 1 failed" >>"$out/python-asan.pytest"
    cat "$out/python-asan.pytest"
    return "$status"
}

# The C tests again under the address and undefined sanitizers, then a whole server, then parts of
# the PHP and the Python tests.
suite_sanitize()
{
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
    local first second third fourth
    first=$(run_cmocka "$out/asan")
    echo "$first"
    second=$(DORA_BIN=$out/asan/dora DORA_BENCH_APP=$out/asan/tests/bench/bench_app.so \
        run_pytest tests/server/sanitized.py)
    echo "$second"
    third=$(DORA_SANITIZE=1 sh tests/php/run.sh rpc_calls rpc_mode rpc_control rpc_failures \
        rpc_packet rpc_guid rpc_server rpc_log client_modes reset values call middleware \
        typed typed_refused interrupt limit parts client_stream)
    echo "$third"
    fourth=$(sanitized_pytest)
    echo "$fourth"
    sum_lines "$first" "$second" "$third" "$fourth"
}

# The C tests and a whole server under load, under the thread sanitizer.
suite_threads()
{
    local known=$dora_root/tests/support/threads.supp
    export TSAN_OPTIONS=halt_on_error=0:exitcode=66:suppressions=$known
    local first second
    # The sanitizer wants a plain address space.
    first=$(run_cmocka "$out/tsan")
    echo "$first"
    second=$(DORA_BIN=$out/tsan/dora DORA_BENCH_APP=$out/tsan/tests/bench/bench_app.so \
        run_pytest tests/server/sanitized.py)
    echo "$second"
    sum_lines "$first" "$second"
}

# sum_lines TEXT...: adds up the last lines.
sum_lines()
{
    local text passed=0 failed=0 line
    for text in "$@"; do
        line=$(tail -n 1 <<<"$text")
        passed=$((passed + ${line%% passed*}))
        line=${line##*, }
        failed=$((failed + ${line%% failed*}))
    done
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# Each fuzz target replays its corpus under the sanitizers, then a whole server is sent damaged
# bytes for a minute. tests/fuzz/run.sh looks for new inputs.
suite_fuzz()
{
    local program name passed=0 failed=0
    for program in "$out"/asan/tests/fuzz_*; do
        [ -x "$program" ] && [ -f "$program" ] || continue
        name=${program##*/fuzz_}
        if timeout -k 5 240 "$program" "tests/fuzz/corpus/$name"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "fuzz: FAILED $name"
        fi
    done
    [ $((passed + failed)) -gt 0 ] || failed=1
    if DORA_BIN=$out/asan/dora DORA_BENCH_APP=$out/asan/tests/bench/bench_app.so \
        timeout -k 5 300 python3 tests/fuzz/live.py --seconds 60; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# shellcheck disable=SC2086
suite_php() { sh tests/php/run.sh $filter; }
suite_python() { run_pytest tests/python; }

# Debian's pydantic may be older than typed handlers want: the tests have one of their own, and the
# FastAPI that goes with it.
get_pydantic()
{
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade \
        --target "$out/pydantic" 'pydantic>=2' fastapi >"$out/pydantic.log" 2>&1
}

suite_pydantic()
{
    if ! get_pydantic; then
        echo "pydantic: FAILED, no pydantic 2 can be had: typed handlers are not tested"
        echo "0 passed, 1 failed"
        return 1
    fi
    PYTHONPATH=$out/pydantic run_pytest tests/pydantic
}

suite_interop()
{
    "$DORA_PYTHON" tests/interop/run.py --work "$out/interop" --core "$out/release"
}

suite_conformance()
{
    "$DORA_PYTHON" tests/conformance/run.py --work "$out/conformance" --core "$out/release"
}

# These tests wait more than they work: two files at a time.
suite_server()
{
    dora_promtool "$out/promtool"
    run_pytest -n 2 --dist loadfile tests/server/test_*.py
}

suite_faults() { run_pytest -s tests/faults; }

# verdict COMMAND...: one test that is a command.
verdict()
{
    if "$@"; then
        echo "1 passed, 0 failed"
    else
        echo "0 passed, 1 failed"
    fi
}

# The benchmark has to run; its times are for people. Two counts are not: that of the instructions,
# of which none may rise without the record being changed, and that of the calls under overload.
suite_bench()
{
    local first second third fourth
    export DORA_BENCH_PROGRAMS=$out/release/tests/bench
    first=$(verdict "$DORA_PYTHON" tests/bench/run.py --build "$out/release" --quick)
    echo "$first"
    second=$(verdict "$DORA_PYTHON" tests/bench/instructions.py --build "$out/release")
    echo "$second"
    third=$(verdict "$DORA_PYTHON" tests/bench/overload.py --build "$out/release" --quick)
    echo "$third"
    fourth=$(run_pytest tests/bench)
    echo "$fourth"
    sum_lines "$first" "$second" "$third" "$fourth"
}

suite_packages() { bash tests/packages.sh "$out/packages"; }
suite_install()
{
    local first second third
    first=$(bash tests/install.sh "$out/release" "$out/install")
    echo "$first"
    second=$(bash tests/refused.sh "$out/refused")
    echo "$second"
    third=$(bash tests/arm64.sh --build)
    echo "$third"
    sum_lines "$first" "$second" "$third"
}
suite_phpize() { bash tests/phpize.sh "$out/phpize"; }

# shellcheck disable=SC2086
suite_documents()
{
    "$DORA_PYTHON" tests/documents/run.py --core "$out/release" --work "$out/documents" $filter
}

suite_site()
{
    get_pydantic && export DORA_PYDANTIC=$out/pydantic
    run_pytest -s tests/site
}

suite_quickstart() { bash tests/quickstart.sh; }

# failures_of LOG: the lines of a suite's output that name what failed, a few of them.
failures_of()
{
    grep -aE '^(FAILED |ERROR |FAIL |LEAK |BORK |WARN |not ok |-- test_|[a-z]+: FAILED )' "$1" |
        cut -c1-200 | sort -u | head -n 20
}

main()
{
    local chosen=("$@") suite line status passed=0 failed=0 summary="" failures="" began=$SECONDS
    if [ "${1:-}" = list ]; then
        printf '%s\n' "${suites[@]}"
        return 0
    fi
    [ ${#chosen[@]} -gt 0 ] || chosen=("${suites[@]}")
    if [ $# -eq 2 ] && ! declare -F "suite_$2" >/dev/null; then
        case $1 in
        unit | threads | php | python | pydantic | server | faults | site | documents)
            chosen=("$1")
            filter=$2
            ;;
        esac
    fi
    dora_need_quietly "${dora_packages_build[@]}" "${dora_packages_test[@]}" || {
        echo "packages could not be installed"
        echo "0 passed, 1 failed"
        return 1
    }
    for suite in "${chosen[@]}"; do
        local at=$SECONDS log=$out/suite_$suite.log good=0 bad=0
        if ! declare -F "suite_$suite" >/dev/null; then
            echo "no suite $suite; there are: ${suites[*]}"
            failed=$((failed + 1))
            continue
        fi
        # shellcheck disable=SC2046
        if need $(needs_of "$suite"); then
            echo "== $suite"
            ("suite_$suite") 2>&1 | tee "$log"
            status=${PIPESTATUS[0]}
            line=$(tail -n 1 "$log")
            if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
                good=${BASH_REMATCH[1]}
                bad=${BASH_REMATCH[2]}
            fi
            if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$good" -eq 0 ]; }; then
                bad=1
            fi
        else
            bad=1
        fi
        passed=$((passed + good))
        failed=$((failed + bad))
        [ "$bad" -eq 0 ] || failures+=$(failures_of "$log" | sed "s/^/$suite: /")$'\n'
        summary+=$(printf '%-12s %5d passed %4d failed %5d s' "$suite" "$good" "$bad" \
            $((SECONDS - at)))$'\n'
    done
    printf '\n%s%s' "$failures" "$summary"
    echo "$((SECONDS - began)) s in all"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

main "$@"
