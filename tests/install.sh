#!/usr/bin/env bash
# Installs a build into a folder of its own and uses it as a stranger would: pkg-config, the C
# examples, the symbols, the `dora` program. Then types what README says under "Install", in a home
# of its own; tests/typed.sh does so as root on a bare machine.
#
#     tests/install.sh BUILD PREFIX
set -u
dora_root=$(cd "$(dirname "$0")/.." && pwd)
cd "$dora_root" || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
build=$(cd "$1" && pwd)
mkdir -p "$2"
prefix=$(cd "$2" && pwd)
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
version=$(sed -n 's/#define DORA_VERSION "\(.*\)"/\1/p' core/include/dora/version.h)
check "its version" [ "$(pkg-config --modversion dora)" = "$version" ]
read -ra cflags <<<"$(pkg-config --cflags dora)"
read -ra libs <<<"$(pkg-config --libs dora)"
libdir=$(pkg-config --variable=libdir dora)
strict=(-std=c11 -Wall -Wextra -Wshadow -Wconversion -Werror)

for header in core/include/dora/*.h; do
    check "${header##*/} is installed" cmp "$header" "$prefix/include/dora/${header##*/}"
done
# No -I into the sources: only what was installed counts.
for source in examples/c/client.c examples/quickstart/ask.c; do
    program=$prefix/$(basename "$source" .c)
    check "$source" gcc "${strict[@]}" -o "$program" "$source" "${cflags[@]}" "${libs[@]}"
done
read -ra uv <<<"$(pkg-config --cflags --libs libuv)"
check "examples/c/async.c" gcc -D_GNU_SOURCE "${strict[@]}" -o "$prefix/async" examples/c/async.c \
    "${cflags[@]}" "${libs[@]}" "${uv[@]}"
check "examples/c/orders.c" gcc "${strict[@]}" -shared -fPIC -o "$prefix/orders.so" \
    examples/c/orders.c "${cflags[@]}" "${libs[@]}"

# A program in C11 and one in C++17, built by CMake as a stranger would and by pkg-config; each says
# the version of its headers and of its library.
asks_version()
{
    local folder=$prefix/asks language
    mkdir -p "$folder"
    cat >"$folder/asks.c" <<'END'
#include <dora/dora.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    dora_client_options options;
    dora_client *client = NULL;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.nodes = "127.0.0.1:1";
    if (dora_client_new(&client, &options, NULL) != DORA_OK) {
        return 1;
    }
    dora_client_free(client);
    return printf("%s %s\n", DORA_VERSION, dora_version()) < 0;
}
END
    cp "$folder/asks.c" "$folder/asks.cpp"
    dora_document core/include/README.md Installing cmake 1 >"$folder/find.cmake"
    cp examples/c/client.c "$folder/client.c"
    cat >"$folder/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.18)
project(asks C CXX)
set(CMAKE_C_STANDARD 11)
set(CMAKE_CXX_STANDARD 17)
include(find.cmake)
add_executable(asks_c asks.c)
add_executable(asks_cpp asks.cpp)
target_link_libraries(asks_c PRIVATE dora::dora)
target_link_libraries(asks_cpp PRIVATE dora::dora)
END
    cmake -S "$folder" -B "$folder/out" -DCMAKE_PREFIX_PATH="$prefix" || return 1
    cmake --build "$folder/out" || return 1
    gcc "${strict[@]}" -o "$folder/out/pc_c" "$folder/asks.c" "${cflags[@]}" "${libs[@]}" &&
        g++ -std=c++17 -Wall -Wextra -Wshadow -Werror -pedantic -o "$folder/out/pc_cpp" \
            "$folder/asks.cpp" "${cflags[@]}" "${libs[@]}" || return 1
    for language in asks_c asks_cpp pc_c pc_cpp; do
        [ "$(env -u LD_LIBRARY_PATH "$folder/out/$language")" = "$version $version" ] || return 1
    done
    [ "$("$folder/out/client" 127.0.0.1:1 >/dev/null 2>&1; echo $?)" -ne 0 ]
}
check "find_package and pkg-config, in C11 and C++17" asks_version

# A program that wants another version is told so.
refuses_version()
{
    local folder=$prefix/refused
    mkdir -p "$folder"
    printf '%s\n' 'cmake_minimum_required(VERSION 3.18)' 'project(refused C)' \
        'find_package(dora 999.0 REQUIRED)' >"$folder/CMakeLists.txt"
    ! cmake -S "$folder" -B "$folder/out" -DCMAKE_PREFIX_PATH="$prefix" || return 1
    grep -q "version: $version" "$prefix.log"
}
check "find_package wants a version" refuses_version

# Manual pages and completions come with it, and are what the program says.
brings_manual()
{
    local share=$prefix/share
    cmp <("$prefix/bin/dora" help --man) "$share/man/man1/dora.1" &&
        cmp <("$prefix/bin/dora" help --man dora.json) "$share/man/man5/dora.json.5" &&
        cmp <("$prefix/bin/dora" completion bash) "$share/bash-completion/completions/dora" &&
        cmp <("$prefix/bin/dora" completion zsh) "$share/zsh/site-functions/_dora"
}
check "manual pages and completions" brings_manual

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
    IFS= read -r -t 60 line <"$prefix/ready"
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

# README's packages are those that the builds install by themselves.
known_packages()
{
    local package
    for package in $(dora_document README.md Install sh 1 | sed -n '/apt-get install/,/[^\\]$/p' |
        sed 's/.*install //; s/\\//'); do
        [[ " ${dora_packages_build[*]} " == *" $package "* ]] || { echo "$package"; return 1; }
    done
}
check "README's packages" known_packages

# The lines for Python. The environment sees Debian's packages, so that no other index is asked.
typed_python()
{
    local lines
    lines=$(dora_document README.md Install sh 1 | sed -n '/^# Python/,/^$/p')
    [[ $lines == *"-m venv ~/"*"pip install ."* ]] || return 1
    lines=${lines/-m venv/-m venv --system-site-packages}
    env HOME="$prefix/home" PATH="/usr/bin:$PATH" PIP_NO_BUILD_ISOLATION=0 PIP_NO_INDEX=1 \
        PIP_NO_DEPS=1 bash -exc "$lines
            cd /
            [[ \$(command -v dora) == $prefix/home/* ]]
            dora --version
            python3 -c 'import dora; print(dora.__version__)'"
}
mkdir -p "$prefix/home"
check "README's lines for Python" typed_python

# The lines for C under a prefix that nothing knows, with this build for the one that they make.
typed_c()
{
    local lines
    lines=$(dora_document core/include/README.md Installing sh 1)
    mkdir -p "$prefix/typed/out"
    ln -s "$build" "$prefix/typed/out/core"
    ln -s "$dora_root/examples" "$prefix/typed/examples"
    (cd "$prefix/typed" && env -u PKG_CONFIG_PATH -u LD_LIBRARY_PATH HOME="$prefix/home" \
        bash -exc "$lines"$'\n./client 127.0.0.1:1' 2>&1 |
        grep "client: .*127.0.0.1")
}
check "the C guide's lines" typed_c
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
