# container.sh: bare systems in folders, made by debootstrap, and programs in them. Sourced by bash,
# as root.
# shellcheck shell=bash
container= # the process that runs one; with it go all in there

trap '[ -z "$container" ] || kill -KILL "$container"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

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

# inside ROOT COMMAND...: runs it in the container, in its /src. The mounts are seen by nobody else,
# and the shell that made them stays to be the first process, who inherits orphans.
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
