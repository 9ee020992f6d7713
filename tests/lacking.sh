# lacking.sh: machines that lack something, for the tests of what the builds then say. Sourced by
# bash, never run.
# shellcheck shell=bash disable=SC2034

no_pkg_config="pkg-config is missing: Dora finds its libraries by it (Debian's package pkg-config)"
# told_of_libraries FILE WHAT: the line of every library of core/libraries.txt, WHAT in the middle:
# "is missing" or "0.0.1 is too old".
told_of_libraries()
{
    local name oldest package headers=
    [ "$2" != "is missing" ] || headers=", with its headers"
    grep '^[^#]' "$1" | while read -r name oldest package; do
        echo "$name $2: Dora needs $oldest or newer$headers (Debian's package $package)"
    done
}

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

# old_libraries FILE DIR: what pkg-config tells there of old ones of FILE's libraries.
old_libraries()
{
    local name
    mkdir -p "$2"
    grep '^[^#]' "$1" | while read -r name _; do
        printf 'Name: %s\nDescription: old\nVersion: 0.0.1\nLibs: -l%s\n' "$name" "$name" \
            >"$2/$name.pc"
    done
}

# narrow_compiler FILE: a compiler for 32 bits. It links nothing of a library, so none has to be
# there for it.
narrow_compiler()
{
    printf '#!/bin/sh\nexec gcc -m32 -nostdlib -static -Wl,-e,main "$@"\n' >"$1"
    chmod +x "$1"
}
