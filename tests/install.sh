#!/usr/bin/env bash
# Installs a build into a folder of its own and uses it as a stranger would: pkg-config, the C
# examples, the symbols, the `dora` program.
#
#     tests/install.sh BUILD PREFIX
set -u
build=$1
prefix=$2
cd "$(dirname "$0")/.." || exit 1
passed=0
failed=0

check()
{
    local what=$1
    shift
    if "$@" >"$prefix.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "install: FAILED $what"
        tail -n 20 "$prefix.log"
    fi
}

rm -rf "$prefix"
check "cmake --install" cmake --install "$build" --prefix "$prefix"
pc=$(dirname "$(find "$prefix" -name dora.pc)")
export PKG_CONFIG_PATH=$pc
check "pkg-config knows dora" pkg-config --exists dora
version=$(sed -n 's/#define DORA_VERSION "\(.*\)"/\1/p' core/include/dora/dora.h)
check "its version" [ "$(pkg-config --modversion dora)" = "$version" ]
read -ra cflags <<<"$(pkg-config --cflags dora)"
read -ra libs <<<"$(pkg-config --libs dora)"
libdir=$(pkg-config --variable=libdir dora)
rpath=-Wl,-rpath,$libdir
strict=(-std=c11 -Wall -Wextra -Wshadow -Wconversion -Werror)

for header in core/include/dora/*.h; do
    check "${header##*/} is installed" cmp "$header" "$prefix/include/dora/${header##*/}"
done
# No -I into the sources: only what was installed counts.
for source in examples/c/client.c examples/quickstart/ask.c; do
    program=$prefix/$(basename "$source" .c)
    check "$source" gcc "${strict[@]}" -o "$program" "$source" "${cflags[@]}" "${libs[@]}" "$rpath"
done
read -ra uv <<<"$(pkg-config --cflags --libs libuv)"
check "examples/c/async.c" gcc -D_GNU_SOURCE "${strict[@]}" -o "$prefix/async" examples/c/async.c \
    "${cflags[@]}" "${libs[@]}" "${uv[@]}" "$rpath"
check "examples/c/orders.c" gcc "${strict[@]}" -shared -fPIC -o "$prefix/orders.so" \
    examples/c/orders.c "${cflags[@]}" "${libs[@]}" "$rpath"

only_ours()
{
    local others
    others=$(nm -D --defined-only "$libdir/libdora.so" | awk '{print $3}' | grep -v '^dora_')
    [ -z "$others" ] || { echo "exported: $others"; return 1; }
}
check "only dora_ symbols are exported" only_ours
check "the soname" grep -q 'SONAME.*libdora.so.0' <(readelf -d "$libdir/libdora.so")

# The installed program finds its library by itself and serves the example.
serves()
{
    local status line address server
    rm -f "$prefix/ready"
    mkfifo "$prefix/ready"
    env -u LD_LIBRARY_PATH "$prefix/bin/dora" serve "$prefix/orders.so" --port 0 --workers 2 \
        >"$prefix/ready" 2>"$prefix/serve.log" &
    server=$!
    IFS= read -r -t 20 line <"$prefix/ready"
    address=${line#*tcp=}
    address=${address%% *}
    [ "$("$prefix/bin/dora" call "$address" /order/total '{"user": 7}' | tr -d ' \n')" = \
        '{"user":7,"orders":3,"total":55.0}' ]
    status=$?
    kill -TERM "$server"
    wait "$server" || status=1
    [ $status -eq 0 ] || cat "$prefix/serve.log"
    return $status
}
check "the installed program serves orders.so" serves
check "the client's usage" [ "$("$prefix/client" 127.0.0.1:1 >/dev/null 2>&1; echo $?)" -ne 0 ]
check "the asynchronous client's, too" \
    [ "$("$prefix/async" 127.0.0.1:1 >/dev/null 2>&1; echo $?)" -eq 1 ]
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
