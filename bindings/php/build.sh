#!/bin/sh
# Builds the PHP extension outside the source tree and prints the path of the module.
#
#     bindings/php/build.sh [DIR]     (out/php; PHPIZE and PHP_CONFIG choose another PHP)
#
# phpize writes beside config.m4 and configure writes where it runs. So DIR/src holds links to the
# sources, which phpize sees as its tree, and DIR/build everything that is made.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:-$root/out/php}
phpize=${PHPIZE:-phpize}
php_config=${PHP_CONFIG:-php-config}
mkdir -p "$out/src"
out=$(cd "$out" && pwd)

ln -sfn "$root/config.m4" "$out/src/config.m4"
ln -sfn "$root/core" "$out/src/core"
ln -sfn "$root/bindings" "$out/src/bindings"

# Which PHP the folder is built for: another one has other headers, or lays them out otherwise.
made_for() {
    "$php_config" --version
    "$php_config" --include-dir
    "$php_config" --extension-dir
}

configure() {
    rm -rf "$out/build"
    mkdir -p "$out/build"
    {
        (cd "$out/src" && "$phpize") &&
            (cd "$out/build" && "$out/src/configure" --enable-dora \
                --with-php-config="$(command -v "$php_config")")
    } >"$out/configure.log" 2>&1 || {
        tail -n 30 "$out/configure.log" >&2
        exit 1
    }
    made_for >"$out/made_for"
}

build() {
    make -C "$out/build" -j"$(nproc)" >"$out/make.log" 2>&1
}

if [ ! -f "$out/build/Makefile" ] || [ "$(made_for)" != "$(cat "$out/made_for" 2>/dev/null)" ] ||
    [ "$root/config.m4" -nt "$out/build/Makefile" ] ||
    [ "$root/core/sources.txt" -nt "$out/build/Makefile" ]; then
    configure
fi
if ! build && grep -q 'No rule to make target' "$out/make.log"; then
    configure # a header that an old dependency file names is gone
fi
build || {
    grep -E 'error|undefined' "$out/make.log" >&2 || tail -n 30 "$out/make.log" >&2
    exit 1
}
echo "$out/build/modules/dora.so"
