#!/usr/bin/env bash
# Types what README.md says, line by line, as root on a machine that has nothing of it: "Install",
# then each handler's file, the commands that serve and call it, and the clients. tests/systems.sh
# runs it in a bare container; it installs packages, into /usr/local and into PHP's folders.
#
#     tests/typed.sh
set -u
dora_root=$(cd "$(dirname "$0")/.." && pwd)
cd "$dora_root" || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
passed=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check()
{
    local what=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        echo "typed: ok     $what"
    else
        failed=$((failed + 1))
        echo "typed: FAILED $what"
        tail -n 30 "$work/log"
    fi
}

# Root answers apt-get's question; nothing else asks one.
typed_install()
{
    dora_document README.md Install sh 1 >"$work/install.sh"
    cat "$work/install.sh"
    yes 2>/dev/null | bash -ex "$work/install.sh"
}

# Where a handler is served and called, the network is this script's own, the documents' ports free.
loopback='import fcntl, socket, struct
flags = struct.pack("16sh22x", b"lo", 1)
fcntl.ioctl(socket.socket(), 0x8914, flags)'

# serves COMMAND LINE...: starts the command as typed, types the lines, stops it.
serves()
{
    local command=$1
    shift
    # shellcheck disable=SC2016
    unshare --net bash -c '
        python3 -c "$1"
        mkfifo "$3.ready"
        $2 >"$3.ready" 2>"$3.stderr" &
        server=$!
        IFS= read -r -t 60 line <"$3.ready"
        echo "$line"
        work=$3
        shift 3
        status=0
        for line in "$@"; do
            eval "$line" || status=1
        done
        kill -TERM $server
        wait $server || status=1
        rm -f "$work.ready"
        [ $status -eq 0 ] || cat "$work.stderr"
        exit $status' serves "$loopback" "$command" "$work/serve" "$@"
}

# says WANTED COMMAND...: the command's output has the text.
says()
{
    local wanted=$1 output
    shift
    output=$("$@" 2>&1)
    echo "$output"
    [[ $output == *"$wanted"* ]]
}

handlers()
{
    local hello ask cc prefixed command python='python3 client.py' php='php client.php'
    # shellcheck source=/dev/null
    . ~/dora-python/bin/activate
    dora_document README.md Python python 1 >"$work/users.py"
    dora_document README.md Python python 2 >"$work/client.py"
    dora_document README.md PHP php 1 >"$work/products.php"
    dora_document README.md PHP php 2 >"$work/client.php"
    dora_document README.md C c 1 >"$work/hello.c"
    hello=$(dora_document README.md C console)
    cc=$(dora_document core/include/README.md "A client" sh 1)
    check "a C client" bash -ec "$cc; rm client"
    prefixed=$(dora_document core/include/README.md Installing sh 1)
    prefixed+=$'\n./client 127.0.0.1:1 2>&1 | grep "client: .*127.0.0.1"; rm client'
    check "a C client, other prefix" bash -ec "$prefixed"
    cd "$work" || return
    check "cc -shared" bash -ec "$(head -n 1 <<<"$hello")"

    ask=$(dora_document README.md Python console | sed -n 2p)
    served README.md Python
    for command in "${commands[@]}"; do
        check "$command" says '"name": "Ann"' serves "$command" "$ask"
        check "$command, and the Python client" says "Ann 2" serves "$command" "$python"
    done
    served README.md PHP
    for command in "${commands[@]}"; do
        check "$command, and the PHP client" says "Coffee mill" serves "$command" "$php"
    done
    command=$(sed -n 2p <<<"$hello")
    ask=$(sed -n 3p <<<"$hello")
    check "$command" says '"hello"' serves "$command" "$ask"
    deactivate
    check "the same with C's own program" says '"hello"' serves "$command" "$ask"
}

# served DOCUMENT HEADING: `commands`, the two ways to serve that the first line typed there names.
served()
{
    local line
    line=$(dora_document "$1" "$2" console | head -n 1)
    commands=("$(sed 's/ *#.*//' <<<"$line")" "${line##*# or: }")
}

[ "$(id -u)" -eq 0 ] || { echo "typed: needs root"; exit 1; }
check "README's Install" typed_install
[ "$failed" -eq 0 ] && handlers
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
