#!/bin/sh
# Writes NAME_arginfo.h here for each stubs/NAME.stub.php. For who changes a stub; the result is
# committed, so neither building nor the tests need this.
#
#     bindings/php/arginfo.sh [NAME.stub.php...]     all stubs by default
#
# PHP's own generator (php-dev) does it, with the library PhpParser: from Debian's package
# php-parser where it is installed, else unpacked under out/. GEN_STUB (the generator's file) and
# DORA_PHP_PARSER (the folder that holds PhpParser/) name others.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../out/arginfo
generator=${GEN_STUB:-$(php-config --extension-dir)/build/gen_stub.php}
mkdir -p "$out"

library=${DORA_PHP_PARSER:-/usr/share/php}
if [ ! -d "$library/PhpParser" ]; then
    library=$out/package/usr/share/php
fi
if [ ! -d "$library/PhpParser" ]; then
    (cd "$out" && apt-get -q download php-parser >/dev/null && dpkg-deb -x php-parser_*.deb package)
fi

# The generator looks for the library beside itself and would fetch it otherwise.
version=$(sed -n 's/^ *\$version = "\([0-9.]*\)";$/\1/p' "$generator")
mkdir -p "$out/PHP-Parser-$version"
ln -sfn "$library" "$out/PHP-Parser-$version/lib"
cp "$generator" "$out/gen_stub.php"

if [ $# -eq 0 ]; then
    set -- "$here"/stubs/*.stub.php
fi
for stub in "$@"; do
    php -d error_reporting=8191 "$out/gen_stub.php" -f "$stub"
    mv "${stub%.stub.php}_arginfo.h" "$here"
done
