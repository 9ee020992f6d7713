#!/usr/bin/env bash
# From nothing to answers: installs what is missing (Debian 12, root or sudo), builds Dora, starts
# one server with a Python, a PHP and a C pool, asks it from C, PHP and Python, and stops it.
#
#     examples/quickstart.sh
#
# Everything made is in out/quickstart. Ctrl-C and failures leave nothing running.
set -euo pipefail
dora_root=$(cd "$(dirname "$0")/.." && pwd)
cd "$dora_root"
# shellcheck source=tests/lib.sh
. tests/lib.sh

out=$dora_root/out/quickstart
server=
mkdir -p "$out"

stop()
{
    if [ -n "$server" ] && kill -0 "$server" 2>/dev/null; then
        kill -TERM "$server"
        wait "$server" || echo "the server ended with status $?"
    fi
    server=
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The first line of the server's output says where it listens.
wait_until_ready()
{
    local line
    if ! IFS= read -r -t 30 line <&3 || [[ $line != "dora: ready "* ]]; then
        echo "the server did not start:" >&2
        cat "$out/server.log" >&2
        exit 1
    fi
    echo "$line"
    node=${line#*tcp=}
    node=${node%% *}
}

echo "1. Packages"
dora_need "${dora_packages_build[@]}"

echo "2. Build: the server, then the Python and the PHP extension"
dora_build_core "$out/core"
dora_build_python "$out/venv"
dora_build_php "$out/php"
cc -O2 -shared -fPIC -fvisibility=hidden -Icore/include -o "$out/orders.so" examples/c/orders.c \
    -L"$out/core" -ldora -Wl,-rpath,"$out/core"
cc -O2 -Icore/include -o "$out/ask" examples/quickstart/ask.c \
    -L"$out/core" -ldora -Wl,-rpath,"$out/core"

echo "3. Start one server for three languages"
export DORA_PYTHON=$out/venv/bin/python DORA_PHP_EXTENSION=$dora_php_module
rm -f "$out/ready"
mkfifo "$out/ready"
"$out/core/dora" serve --config examples/quickstart.json >"$out/ready" 2>"$out/server.log" &
server=$!
exec 3<"$out/ready"
wait_until_ready

echo
echo "4. Ask it from a shell: a Python handler, a PHP handler, then both and C at once"
"$out/core/dora" call "$node" /user/get '{"id": 1}'
"$out/core/dora" call "$node" /product/get '{"id": 7}'
"$out/core/dora" call "$node" --many user=/user/get '{"id": 2}' product=/product/get '{"id": 3}' \
    order=/order/total '{"user": 7}'
echo
echo "5. Ask it from C, from Python, from PHP"
echo "C:"
"$out/ask" "$node"
echo "Python:"
"$DORA_PYTHON" examples/quickstart/ask.py "$node"
echo "PHP:"
php -d extension="$DORA_PHP_EXTENSION" examples/quickstart/ask.php "$node"

echo
echo "6. Stop it"
stop
echo "done: the server has stopped, nothing is left running"
