#!/usr/bin/env bash
# Other systems: README's "Install" typed line by line, and the two commands, each in a bare
# container that debootstrap makes. For a person to start, as root; no part of tests/run.sh.
#
#     tests/systems.sh [SYSTEM...] [-- SUITE...]
#
# SYSTEM: a release of Debian, or of Ubuntu where its keyring is there (bookworm and trixie).
# SUITE: `typed` and `quickstart`, which are README's, or one of tests/run.sh (all of them).
# `wheel` and `deb` are those of tests/packages.sh, `images` runs what the Dockerfiles of
# examples/deploy say; they are for trixie.
#
#     DORA_SYSTEMS=DIR    keeps the containers there for the next run (out/systems)
#     DORA_MIRROR=URL     has the packages (the system's own)
#
# A container has mounts and processes of its own, which end with its command. Its network is the
# machine's. `rm -rf` takes one away. `typed` installs into the system, so it gets a new one each
# time, SYSTEM-typed.
set -u
dora_root=$(cd "$(dirname "$0")/.." && pwd)
folder=${DORA_SYSTEMS:-$dora_root/out/systems}
# shellcheck source=tests/container.sh
. "$dora_root/tests/container.sh"

fail()
{
    echo "systems: $*" >&2
    exit 1
}

# copy_sources ROOT puts the sources in /src; what an earlier run built there stays. A file that is
# another one than then is younger than all of that: here it may have been saved before.
copy_sources()
{
    local to=$1/src new=$1/src.new file
    rm -rf "$new"
    mkdir -p "$to" "$new"
    {
        git -C "$dora_root" ls-files -co --exclude-standard 2>/dev/null ||
            (cd "$dora_root" && find . -path ./out -prune -o -type f -printf '%P\n')
    } | while IFS= read -r file; do
        [ -f "$dora_root/$file" ] && printf '%s\n' "$file"
    done | tar -C "$dora_root" -cf - --no-recursion -T - | tar -C "$new" -xmf -
    (cd "$new" && find . -type f) | while IFS= read -r file; do
        cmp -s "$to/$file" "$new/$file" && touch -r "$to/$file" "$new/$file"
    done
    find "$to" -mindepth 1 -maxdepth 1 ! -name out -exec rm -rf {} +
    find "$new" -mindepth 1 -maxdepth 1 -exec mv -t "$to" {} +
}

# prepare SYSTEM ROOT: a container with the sources as they are now.
prepare()
{
    make_system "$1" "$2" || fail "$1 could not be made, see $2.log"
    lend_settings "$2"
    copy_sources "$2"
}

# run_suite SYSTEM ROOT SUITE: its output ends with one line of the result.
run_suite()
{
    local system=$1 root=$2 suite=$3
    case $suite in
    typed)
        root=$root-typed
        rm -rf "$root"
        prepare "$system" "$root"
        inside "$root" bash tests/typed.sh
        ;;
    images)
        make_system "$system" "$root-bare" && "$dora_root/tests/images.py" "$root-bare" \
            "$root-images"
        ;;
    quickstart) inside "$root" examples/quickstart.sh ;;
    wheel | deb) inside "$root" tests/packages.sh "out/tests/$suite" "$suite" ;;
    *) inside "$root" tests/run.sh "$suite" ;;
    esac
}

main()
{
    local systems=() suites=() system suite root log bad=0
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        systems+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    suites=("$@")
    [ "${#systems[@]}" -gt 0 ] || systems=(bookworm trixie)
    # shellcheck disable=SC2207
    [ "${#suites[@]}" -gt 0 ] ||
        suites=(typed quickstart $("$dora_root/tests/run.sh" list | grep -vx quickstart))
    [ "$(id -u)" -eq 0 ] || fail "needs root: it mounts and changes root"
    command -v debootstrap >/dev/null || fail "needs debootstrap: apt-get install debootstrap"
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    for system in "${systems[@]}"; do
        root=$folder/$system
        prepare "$system" "$root"
        for suite in "${suites[@]}"; do
            log=$root.$suite.log
            if run_suite "$system" "$root" "$suite" >"$log" 2>&1 </dev/null; then
                echo "$system $suite: ok: $(tail -n 1 "$log")"
            else
                bad=1
                echo "$system $suite: FAILED: $(tail -n 1 "$log"); see $log"
            fi
        done
    done
    return $bad
}

main "$@"
