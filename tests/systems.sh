#!/usr/bin/env bash
# Other systems: README's "Install" typed line by line, and the two commands, each in a bare
# container that debootstrap makes. For a person to start, as root; no part of tests/run.sh.
#
#     tests/systems.sh [SYSTEM...] [-- SUITE...]
#
# SYSTEM: a release of Debian, or of Ubuntu where its keyring is there (bookworm and trixie).
# SUITE: `typed` and `quickstart`, which are README's, or one of tests/run.sh (all of them).
# `images` runs what the Dockerfiles of examples/deploy say; they are for trixie.
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
container= # the process that runs one; with it go all in there

trap '[ -z "$container" ] || kill -KILL "$container"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail()
{
    echo "systems: $*" >&2
    exit 1
}

# make_system SYSTEM ROOT: a bare system in a folder, complete or not there.
make_system()
{
    local system=$1 root=$2 keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg
    local -a options=(--variant=minbase --include=ca-certificates)
    [ -d "$root" ] && return 0
    if [ -e "/usr/share/debootstrap/scripts/$system" ] &&
        grep -q ubuntu "/usr/share/debootstrap/scripts/$system"; then
        options+=(--keyring="$keyring" --components=main,universe)
    fi
    rm -rf "$root.part"
    debootstrap "${options[@]}" "$system" "$root.part" ${DORA_MIRROR:+"$DORA_MIRROR"} \
        >"$root.log" 2>&1 || { tail -n 20 "$root.log"; return 1; }
    mv "$root.part" "$root"
}

# What a program in there needs of this machine: names of hosts, certificates, pip's settings.
lend_settings()
{
    local root=$1 file
    for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
        [ -e "$file" ] && mkdir -p "$root/${file%/*}" && cp -L "$file" "$root$file"
    done
}

# copy_sources ROOT puts the sources in /src; what an earlier run built there stays.
copy_sources()
{
    local to=$1/src
    mkdir -p "$to"
    find "$to" -mindepth 1 -maxdepth 1 ! -name out -exec rm -rf {} +
    {
        git -C "$dora_root" ls-files -co --exclude-standard 2>/dev/null ||
            (cd "$dora_root" && find . -path ./out -prune -o -type f -printf '%P\n')
    } | while IFS= read -r file; do
        [ -f "$dora_root/$file" ] && printf '%s\n' "$file"
    done | tar -C "$dora_root" -cf - --no-recursion -T - | tar -C "$to" -xf -
}

# inside ROOT COMMAND...: runs it in the container, in /src. The mounts are seen by nobody else, and
# the shell that made them stays to be the first process, who inherits orphans.
inside()
{
    local root=$1
    shift
    set -m # for a background process that does not ignore SIGINT
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child bash -c '
        set -e
        root=$1
        shift
        mount --make-rprivate /
        mount -t proc proc "$root/proc"
        mount --rbind /sys "$root/sys"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
        chroot "$root" /usr/bin/env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            DEBIAN_FRONTEND=noninteractive sh -c "cd /src && exec \"\$@\"" sh "$@" ||
            exit
        exit 0
    ' inside "$root" "$@" &
    container=$!
    set +m
    wait "$container"
    local status=$?
    container=
    return $status
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
