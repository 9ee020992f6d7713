# lacking.sh: machines that lack something, for the tests of what the builds then say. Sourced by
# bash, never run.
# shellcheck shell=bash disable=SC2034

no_pkg_config="pkg-config is missing: Dora finds its libraries by it (Debian's package pkg-config)"
no_hiredis="hiredis is missing: Dora needs 0.14 or newer, with its headers \
(Debian's package libhiredis-dev)"
old_libuv="libuv 1.40.0 is too old: Dora needs 1.43 or newer (Debian's package libuv1-dev)"

no_compiler()
{
    echo "$1 is missing: Dora needs a C compiler (Debian's package gcc)"
}

# lacking DIR PATTERN...: a folder for PATH with the system's programs, but those of the patterns.
lacking()
{
    local dir=$1 pattern
    shift
    rm -rf "$dir"
    mkdir -p "$dir"
    ln -s /usr/bin/* "$dir"
    for pattern in "$@"; do
        # shellcheck disable=SC2086
        (cd "$dir" && rm -f $pattern)
    done
}

# old_library DIR: what pkg-config tells of an old libuv there.
old_library()
{
    mkdir -p "$1"
    printf 'Name: libuv\nDescription: old\nVersion: 1.40.0\nLibs: -luv\n' >"$1/libuv.pc"
}

# narrow_compiler FILE: a compiler for 32 bits. It links nothing of a library, so none has to be
# there for it.
narrow_compiler()
{
    printf '#!/bin/sh\nexec gcc -m32 -nostdlib -static -Wl,-e,main "$@"\n' >"$1"
    chmod +x "$1"
}
