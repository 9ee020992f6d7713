#!/usr/bin/env bash
# What PHP people type at the top of the sources, on a copy of them: phpize && ./configure && make
# && make install, then the clean targets, which must not take sources along.
#
#     tests/phpize.sh FOLDER
set -u
folder=$1
cd "$(dirname "$0")/.." || exit 1
passed=0
failed=0

check()
{
    local what=$1
    shift
    if "$@" >"$folder.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "phpize: FAILED $what"
        tail -n 30 "$folder.log"
    fi
}

# The files of the repository, as a clone would have them.
listing()
{
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files -co --exclude-standard
    else
        find . -path ./out -prune -o -path ./.git -prune -o -type f -printf '%P\n'
    fi | while IFS= read -r file; do
        [ -f "$file" ] && printf '%s\n' "$file"
    done | sort
}

rm -rf "$folder"
mkdir -p "$folder"
listing >"$folder.list"
tar -cf - -T "$folder.list" | tar -xf - -C "$folder"
root=$PWD
# shellcheck source=tests/lacking.sh
. tests/lacking.sh
cd "$folder" || exit 1
git init -q . 2>/dev/null && git add -A >/dev/null 2>&1

# What is too old or missing is refused by its name, with what is wanted; all lines are there.
refuses()
{
    local lines=$1 line
    shift
    ! ./configure "$@" >"$folder.refused" 2>&1 || return 1
    while IFS= read -r line; do
        sed 's/^ *//' "$folder.refused" | grep -xF "$line" || return 1
    done <<<"$lines"
}

rm -rf "$folder.old"
mkdir -p "$folder.old"
cat >"$folder.old/php-config" <<END
#!/bin/sh
case \$1 in
--vernum) echo 80030 ;;
--version) echo 8.0.30 ;;
*) exec $(command -v php-config) "\$@" ;;
esac
END
chmod +x "$folder.old/php-config"
old_libraries core/libraries.txt "$folder.old"
lacking "$folder.lacking" '*pkg-config*' '*pkgconf*'
narrow_compiler "$folder.old/cc32"

says_so()
{
    grep -qx 'phpize && ./configure && make -j "$(nproc)"' README.md &&
        grep -q '^make install && ' README.md
}
check "README says so" says_so
check "phpize" phpize
check "an old PHP is refused" \
    refuses "PHP 8.0.30 is too old: Dora needs 8.1 or newer (Debian's package php-dev)" \
    --with-php-config="$folder.old/php-config"
PKG_CONFIG_LIBDIR=$folder.old PKG_CONFIG_PATH='' check "old libraries are refused" \
    refuses "$(told_of_libraries core/libraries.txt "0.0.1 is too old")"
PKG_CONFIG_LIBDIR=$folder PKG_CONFIG_PATH='' check "without libraries" \
    refuses "$(told_of_libraries core/libraries.txt "is missing")"
PATH=$folder.lacking check "without pkg-config" refuses "$no_pkg_config"
CC=$folder.old/cc32 check "32 bits are refused" \
    refuses "$folder.old/cc32 makes programs of 32 bits: Dora needs 64" --host=i686-linux-gnu
check "./configure" ./configure
check "make" make -j "$(nproc)"
check "git ignores what it leaves" [ -z "$(git status --porcelain | grep '^??')" ]
# As after a git pull. With what `make` has noted of headers, a stub would count now.
needs_no_parser()
{
    touch bindings/php/stubs/*.stub.php
    ! make install INSTALL_ROOT="$folder/installed" | grep Parse
}
check "a stub that is newer than its header needs no parser" needs_no_parser
check "make install" make install INSTALL_ROOT="$folder/installed"
module=$(find "$folder/installed" -name dora.so)
loads()
{
    [ "$(php -n -d extension="$module" -r 'echo class_exists("Dora\\Client");')" = 1 ]
}
check "the module loads" loads

# README's line for the setting, typed where PHP's settings are copies: both PHPs have it then.
is_set()
{
    local line apart=(unshare --map-root-user --mount)
    # A changed root forbids that; tests/systems.sh gives one mounts of its own.
    "${apart[@]}" true 2>/dev/null || apart=(unshare --mount --propagation unchanged)
    line=$(sed -n 's/^make install && \(echo extension=dora .*phpenmod\)/\1/p' README.md)
    [ -n "$line" ] || return 1
    mkdir -p "$folder/etc" "$folder/var"
    cp -a /etc/php/. "$folder/etc" && cp -a /var/lib/php/modules/. "$folder/var" || return 1
    # shellcheck disable=SC2016
    "${apart[@]}" bash -exc '
        PATH=$PATH:/usr/sbin
        mount --bind "$1/etc" /etc/php
        mount --bind "$1/var" /var/lib/php/modules
        eval "$3"
        version=$(php -n -r "echo PHP_MAJOR_VERSION, \".\", PHP_MINOR_VERSION;")
        for program in php "php-fpm$version"; do
            "$program" -d extension_dir="$2" -m | grep -x dora
        done' is_set "$folder" "${module%/*}" "$line"
}
check "README's setting is PHP-FPM's, too" is_set

unharmed()
{
    local missing
    missing=$(while IFS= read -r file; do
        cmp -s "$root/$file" "$file" || echo "$file"
    done <"$folder.list")
    [ -z "$missing" ] || { echo "changed or gone: $missing"; return 1; }
}
check "sources are as before" unharmed
check "make clean" make clean
check "phpize --clean" phpize --clean
check "sources are as before, after cleaning" unharmed
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
