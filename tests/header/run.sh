#!/usr/bin/env bash
# Compiles each public header alone, as strict C11 and as C++, with gcc and clang.
set -u
cd "$(dirname "$0")/../.." || exit 1
passed=0
failed=0

check()
{
    local header=$1
    shift
    if printf '#include <dora/%s>\n#include <dora/%s>\nint dora_header_test;\n' \
        "$header" "$header" |
        "$@" -pedantic -Wall -Wextra -Werror -Icore/include -fsyntax-only -; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "header: FAILED $header with $*"
    fi
}

for path in core/include/dora/*.h; do
    header=${path##*/}
    check "$header" gcc -std=c11 -x c
    check "$header" clang -std=c11 -x c
    for standard in c++11 c++17; do
        check "$header" g++ -std=$standard -x c++
        check "$header" clang++ -std=$standard -x c++
    done
done
# The whole core under clang too: the builds elsewhere use the default compiler.
flags=$(pkg-config --cflags libuv jansson zlib libmicrohttpd hiredis openssl)
for source in $(grep '^core/' core/sources.txt) core/src/cli/program.c; do
    if clang -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Werror -fsyntax-only \
        -Icore/include -Icore/src $flags "$source"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "header: FAILED clang on $source"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
