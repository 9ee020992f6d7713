#!/usr/bin/env bash
# Calls of every kind through every door, while workers, zygotes, connections, applications,
# certificates and Redis are broken and the server is upgraded, at random; in the end everything has
# to add up.
#
#     tests/faults/soak.sh --minutes N [--seed S]
#
# The seed is printed; the same one breaks the same things in the same order. Builds what it needs
# under out/tests, as tests/run.sh does, but for what DORA_BIN, DORA_PYTHON and
# DORA_PHP_EXTENSION name already. What does not add up is said at the end, and the status is 1.
set -eu
dora_root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$dora_root"
# shellcheck source=tests/lib.sh
. tests/lib.sh
out=${DORA_TEST_OUT:-$dora_root/out/tests}
mkdir -p "$out"
dora_need_quietly "${dora_packages_build[@]}" redis-server openssl
if [ -z "${DORA_BIN:-}" ]; then
    dora_build_core "$out/release" -DDORA_TESTS=ON
    export DORA_BIN=$out/release/dora
fi
if [ -z "${DORA_PYTHON:-}" ]; then
    dora_build_python "$out/venv"
    export DORA_PYTHON=$out/venv/bin/python
fi
if [ -z "${DORA_PHP_EXTENSION:-}" ]; then
    dora_build_php "$out/php"
    export DORA_PHP_EXTENSION=$dora_php_module
fi
export PYTHONDONTWRITEBYTECODE=1
exec "$DORA_PYTHON" tests/faults/soak/run.py "$@"
