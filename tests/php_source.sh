#!/usr/bin/env bash
# Builds PHP from Debian's source package, without Debian's patches: as php.net and the usual
# container images have it. For tests/php_versions.sh; nothing is installed outside FOLDER.
#
#     tests/php_source.sh FOLDER [KIND...]    nts zts debug zts-debug; all by default
#     tests/php_versions.sh FOLDER/*/bin
#
# The version is that of the installed php. It takes some ten minutes a kind; what is there already
# is not built again.
set -eu
[ $# -gt 0 ] || { sed -n '2,9s/^# \?//p' "$0"; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- nts zts debug zts-debug
package=php$(php -n -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')

# The system's own sources of packages, asked for source packages. apt's state is in the folder.
apt_prepare()
{
    local keys=/usr/share/keyrings/debian-archive-keyring.gpg
    mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$folder/apt/parts"
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' | sort -u |
        sed -n "s|^Debian |deb-src [signed-by=$keys] |p" >"$folder/apt/sources.list"
    cat >"$folder/apt/apt.conf" <<END
Dir::Etc::SourceList "$folder/apt/sources.list";
Dir::Etc::SourceParts "$folder/apt/parts";
Dir::State::Lists "$folder/apt/lists";
Dir::Cache "$folder/apt/cache";
APT::Sandbox::User "";
END
}

# The newest version that the archive really has.
download()
{
    local version
    for version in $(apt-cache showsrc "$package" | sed -n 's/^Version: //p' | sort -rVu); do
        if apt-get -q source --download-only --tar-only "$package=$version"; then
            return 0
        fi
    done
    echo "no source package of $package can be had" >&2
    return 1
}

fetch()
{
    [ ! -x "$folder/source/configure" ] || return 0
    apt_prepare
    export APT_CONFIG=$folder/apt/apt.conf
    (cd "$folder" && apt-get -q update && download) >"$folder/fetch.log" 2>&1 ||
        { tail -n 20 "$folder/fetch.log" >&2; return 1; }
    unset APT_CONFIG
    mkdir -p "$folder/source"
    tar -xf "$folder/$package"_*.orig.tar.xz -C "$folder/source" --strip-components=1
}

# build KIND: the command line with what the tests use; the rest is as configure has it.
build()
{
    local kind=$1 log=$folder/$1.log flags=(--disable-all --enable-cli --disable-cgi
        --disable-phpdbg --enable-posix --enable-pcntl --enable-session --with-zlib)
    [[ $kind != zts* ]] || flags+=(--enable-zts)
    [[ $kind != *debug ]] || flags+=(--enable-debug)
    # Time limits by the clock: what thread-safe ones have by default since 8.3.
    [[ $kind != zts-debug ]] || flags+=(--enable-zend-max-execution-timers)
    [ ! -x "$folder/$kind/bin/php" ] || return 0
    mkdir -p "$folder/build-$kind"
    (
        cd "$folder/build-$kind" && ../source/configure --prefix="$folder/$kind" "${flags[@]}" &&
            nice make -j"$(nproc)" && make install
    ) >"$log" 2>&1 || { tail -n 30 "$log" >&2; return 1; }
}

fetch
for kind in "$@"; do
    case $kind in
    nts | zts | debug | zts-debug) build "$kind" && echo "$folder/$kind/bin" ;;
    *) echo "no kind $kind; there are: nts zts debug zts-debug" >&2 && exit 2 ;;
    esac
done
