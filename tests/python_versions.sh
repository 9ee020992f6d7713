#!/usr/bin/env bash
# Builds the extension with every warning an error, and runs the tests of Python, on every Python
# that is given. Not a part of tests/run.sh: it takes minutes for each.
#
#     tests/python_versions.sh [--build] PYTHON... [-- ARGUMENT...]
#
# --build only builds and imports. ARGUMENT is pytest's: `-k async`, a file (tests/python and
# tests/pydantic by default). Each Python gets a virtual environment under out/, with pytest and the
# rest from the package index. Prints a line for each: version, count. The last line is
# "N passed, N failed" over all.
set -u
dora_root=$(cd "$(dirname "$0")/.." && pwd)
cd "$dora_root" || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
out=${DORA_TEST_OUT:-$dora_root/out/tests}
warnings="-O1 -Wall -Wextra -Wno-missing-field-initializers -Wdeprecated-declarations -Werror"
tools=(pytest hypothesis)
# What not every Python has in a form that needs no compiler; the tests that want it are skipped.
extra=(numpy pandas jsonschema gevent uvloop pydantic fastapi httpx prometheus-client pyte)
only_build=

# kind_of PYTHON: its version, and whether it is free-threaded.
kind_of()
{
    "$1" -c 'import platform, sysconfig
free = " free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
print(platform.python_version() + free)'
}

# prepare PYTHON VENV LOG: a virtual environment with the tools, and the extension in it.
prepare()
{
    local venv=$2 pip="$2/bin/python -m pip --quiet --disable-pip-version-check" tool
    {
        { [ -x "$venv/bin/pytest" ] ||
            { "$1" -m venv "$venv" && $pip install setuptools wheel "${tools[@]}" &&
                for tool in "${extra[@]}"; do
                    $pip install --only-binary :all: "$tool" || echo "without $tool"
                done; }; } &&
            CFLAGS=$warnings $pip install --no-build-isolation --no-deps --force-reinstall . &&
            "$venv/bin/python" -W error -c 'import dora; print(dora.__version__)'
    } >"$3" 2>&1 || { tail -n 40 "$3"; return 1; }
}

# try PYTHON: pytest with `arguments`, for dora_each_version.
try()
{
    local python=$1 folder log
    kind=$python line="0 passed, 1 failed"
    kind=$(kind_of "$python") || return
    folder=$out/python-${kind// /-}
    log=$folder.log
    echo "== $kind ($python)"
    prepare "$python" "$folder" "$log" || return
    if [ -n "$only_build" ]; then
        line="1 passed, 0 failed"
        return
    fi
    DORA_PYTHON=$folder/bin/python dora_run_pytest "$log.pytest" "${arguments[@]}" 2>&1 | tee "$log"
    line=$(tail -n 1 "$log")
}

pythons=()
[ "${1:-}" != --build ] || { only_build=1; shift; }
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    pythons+=("$1")
    shift
done
[ "${#pythons[@]}" -gt 0 ] || { sed -n '2,11s/^# \?//p' "$0"; exit 2; }
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- tests/python tests/pydantic
if [ -z "$only_build" ] && [ -z "${DORA_BIN:-}" ]; then
    dora_target=dora dora_build_core "$out/release" -DDORA_TESTS=ON ||
        { echo "0 passed, 1 failed"; exit 1; }
    export DORA_BIN=$out/release/dora
fi
export PYTHONDONTWRITEBYTECODE=1
arguments=("$@")
dora_each_version 24 try "${pythons[@]}"
