#!/usr/bin/env bash
# Types what README says, line by line, as root on a machine that has nothing of it: "Install", then
# each handler's file, the commands that serve and call it, and the clients. tests/systems.sh runs
# it in a bare container; it installs packages, into /usr/local and into PHP's folders.
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
    dora_readme Install sh 1 >"$work/install.sh"
    cat "$work/install.sh"
    yes 2>/dev/null | bash -ex "$work/install.sh"
}

# Where a handler is served and called, the network is this script's own, with README's ports free.
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
    local users products hello cc prefixed command
    # shellcheck source=/dev/null
    . ~/dora-python/bin/activate
    dora_readme "Write a handler in Python" python 1 >"$work/users.py"
    dora_readme "Write a handler in PHP" php 1 >"$work/products.php"
    dora_readme "Write a handler in C" c 1 >"$work/hello.c"
    users=$(dora_readme "Write a handler in Python" sh 1)
    products=$(dora_readme "Write a handler in PHP" sh 1)
    hello=$(dora_readme "Write a handler in C" sh 1)
    dora_readme "Call it" python 1 >"$work/client.py"
    echo 'print(user["name"], found["b"]["id"])' >>"$work/client.py"
    dora_readme "Call it" php 1 >"$work/client.php"
    echo 'echo $product["name"], " ", $found["b"]["id"], "\n";' >>"$work/client.php"
    cc=$(dora_readme "Call it" sh 1)
    check "a C client" bash -ec "$cc; rm client"
    prefixed=$(dora_readme Install sh 2)
    prefixed+=$'\n./client 127.0.0.1:1 2>&1 | grep "client: .*127.0.0.1"; rm client'
    check "a C client, other prefix" bash -ec "$prefixed"
    cd "$work" || return
    check "cc -shared" bash -ec "$(head -n 1 <<<"$hello")"

    local call python='python3 client.py' php='php client.php'
    call=$(sed -n 2p <<<"$users")
    for command in "$(sed -n '1s/ *#.*//p' <<<"$users")" \
        "$(sed -n '1s/.*# or: //p' <<<"$users")"; do
        check "$command" says '"name": "Ann"' serves "$command" "$call"
        check "$command, and the Python client" says "Ann 2" serves "$command" "$python"
    done
    for command in "$(sed 's/ *#.*//' <<<"$products")" "$(sed 's/.*# or: //' <<<"$products")"; do
        check "$command, and the PHP client" says "Coffee mill 2" serves "$command" "$php"
    done
    command=$(sed -n 2p <<<"$hello")
    check "$command" says '"hello"' serves "$command" "dora call 127.0.0.1:9567 /hello"
    deactivate
    check "the same with C's own program" says '"hello"' serves "$command" \
        "dora call 127.0.0.1:9567 /hello"
}

[ "$(id -u)" -eq 0 ] || { echo "typed: needs root"; exit 1; }
check "README's Install" typed_install
[ "$failed" -eq 0 ] && handlers
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
