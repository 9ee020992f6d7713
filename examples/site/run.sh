#!/usr/bin/env bash
# A whole site on this machine: nginx, PHP-FPM, two Dora servers, Redis and the monitor, all on free
# ports of 127.0.0.1 and in a temporary folder.
#
#     examples/site/run.sh            shows the page's address, and waits for Ctrl-C
#     examples/site/run.sh --once     shows one page and stops
#
# Installs what is missing (Debian 12, root or sudo) and builds Dora in out/site; where DORA_BIN,
# DORA_PYTHON and DORA_PHP_EXTENSION are set, these are taken. Everything runs as the user who
# starts it. It leaves nothing running.
set -euo pipefail
dora_root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$dora_root"
# shellcheck source=tests/lib.sh
. tests/lib.sh

site=$dora_root/examples/site
out=$dora_root/out/site
folder=
names=() # of what was started, the last one first
declare -A pids=()

# What has ended is not alive, though this shell may not have taken notice yet.
alive()
{
    local state
    { read -r state <"/proc/${pids[$1]}/stat"; } 2>/dev/null && [[ $state != *") Z "* ]]
}

# Ends everything by its process id, in the reverse order of the start. None is waited for with
# `wait`: where Ctrl-C comes while `wait -n` takes notice of an end, the shell believes that that
# process is alive.
stop()
{
    local name turn
    trap '' INT TERM
    for name in ${names[@]+"${names[@]}"}; do
        kill -TERM "${pids[$name]}" 2>/dev/null || true
        for ((turn = 0; turn < 200; turn++)); do
            alive "$name" || break
            sleep 0.05
        done
        if alive "$name"; then
            echo "site: $name does not stop, it is killed" >&2
            read -ra children <"/proc/${pids[$name]}/task/${pids[$name]}/children" || true
            kill -KILL "${pids[$name]}" ${children[@]+"${children[@]}"} 2>/dev/null || true
        fi
    done
    names=()
    [ -z "$folder" ] || rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start NAME COMMAND...: in the background, what it says in NAME.log.
start()
{
    local name=$1
    shift
    "$@" >"$folder/$name.log" 2>&1 </dev/null &
    pids[$name]=$!
    names=("$name" ${names[@]+"${names[@]}"})
}

# forget PID: it has ended by itself, and the number may soon be another's.
forget()
{
    local name kept=()
    for name in "${names[@]}"; do
        if [ "${pids[$name]}" = "$1" ]; then
            echo "site: $name has ended"
        else
            kept+=("$name")
        fi
    done
    names=(${kept[@]+"${kept[@]}"})
}

# wait_for NAME COMMAND...: until the command succeeds; an error when NAME ends before.
wait_for()
{
    local name=$1 end=$((SECONDS + 30))
    shift
    until "$@" >/dev/null 2>&1; do
        if ! alive "$name" || [ $SECONDS -ge $end ]; then
            echo "site: $name did not start; it said:" >&2
            tail -n 20 "$folder/$name.log" >&2
            return 1
        fi
        sleep 0.05
    done
}

# free_port leaves in `port` one that nobody listens on, below those that the kernel gives away.
free_port()
{
    while port=$((20000 + RANDOM % 10000)) && (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        :
    done
}

build()
{
    if [ -z "${DORA_BIN:-}" ] || [ -z "${DORA_PYTHON:-}" ] || [ -z "${DORA_PHP_EXTENSION:-}" ]; then
        dora_need "${dora_packages_build[@]}"
        dora_build_core "$out/core"
        dora_build_python "$out/venv"
        dora_build_php "$out/php"
        export DORA_BIN=$out/core/dora DORA_PYTHON=$out/venv/bin/python
        export DORA_PHP_EXTENSION=$dora_php_module
    fi
    dora_need_quietly "${dora_packages_site[@]}"
}

start_redis()
{
    local port
    free_port
    redis=127.0.0.1:$port
    start redis redis-server --bind 127.0.0.1 --port "$port" --save "" --appendonly no \
        --dir "$folder"
    wait_for redis grep -q 'Ready to accept connections' "$folder/redis.log"
}

# start_server NAME: both are the same program with the same configuration; Redis knows where.
start_server()
{
    local port
    free_port
    SITE_SERVER="server $1" start "$1" "$DORA_BIN" serve --config "$site/dora.json" \
        --port "$port" --redis "$redis" --group shop
    wait_for "$1" grep -q '^dora: ready' "$folder/$1.log"
}

both_are_known()
{
    [ "$(grep -o '"port"' "$folder/nodes.json" | wc -l)" -eq 2 ]
}

start_monitor()
{
    start monitor "$DORA_BIN" monitor --redis "$redis" \
        --out "$folder/nodes.json" --out "$folder/nodes.php"
    wait_for monitor both_are_known
}

start_fpm()
{
    local fpm options=(--nodaemonize --fpm-config "$site/php-fpm.conf")
    fpm=php-fpm$(php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
    [ "$(id -u)" -ne 0 ] || options+=(--allow-to-run-as-root)
    SITE_FOLDER=$folder DORA_NODES=file:$folder/nodes.json \
        start php-fpm "$(PATH=$PATH:/usr/sbin type -P "$fpm")" "${options[@]}" \
        -d extension="$DORA_PHP_EXTENSION"
    wait_for php-fpm [ -S "$folder/php-fpm.sock" ]
}

start_nginx()
{
    local port user=()
    free_port
    url=http://127.0.0.1:$port
    sed "s|@PORT@|$port|; s|@FOLDER@|$folder|; s|@SITE@|$site|" "$site/nginx.conf" \
        >"$folder/nginx.conf"
    [ "$(id -u)" -ne 0 ] || user=(-g "user $(id -un);")
    start nginx "$(PATH=$PATH:/usr/sbin type -P nginx)" -p "$folder" -c "$folder/nginx.conf" \
        -e "$folder/nginx-error.log" ${user[@]+"${user[@]}"}
    wait_for nginx curl -fsS "$url/health"
}

# The page as text: no tags, no empty lines.
show_page()
{
    curl -fsS "$url/" | sed -e '/<style>/,/<\/style>/d' -e 's/<[^>]*>/ /g' \
        -e "s/&nbsp;/ /g; s/&euro;/EUR/g; s/&amp;/\&/g; s/&middot;/-/g; s/&#039;/'/g" \
        -e 's/  */ /g; s/^ //; /^$/d'
}

build
folder=$(mktemp -d "${TMPDIR:-/tmp}/dora-site.XXXXXX")
start_redis
start_server one
start_server two
start_monitor
start_fpm
start_nginx

echo "The page:"
show_page
echo
echo "site: $url/"
echo "health: $url/health"
echo "redis: $redis"
echo "folder: $folder"
for ((i = ${#names[@]} - 1; i >= 0; i--)); do
    echo "process: ${names[i]} ${pids[${names[i]}]}"
done
if [ "${1:-}" != --once ]; then
    echo "Kill one of the servers, one or two: the page stays whole. Kill both: it says so."
    echo "Ctrl-C ends everything."
    while wait -n -p gone 2>/dev/null || [ -n "${gone:-}" ]; do
        forget "$gone"
    done
fi
