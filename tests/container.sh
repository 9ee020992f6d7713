# container.sh: bare systems in folders, made by debootstrap, and programs in them. Sourced by bash,
# as root.
# shellcheck shell=bash
container= # the process that runs one; with it go all in there
groups=    # the folder of its control groups, where `boot` has made one

leave()
{
    [ -z "$container" ] || { kill -KILL "$container" && wait "$container"; }
    [ -z "$groups" ] || find "$groups" -depth -type d -exec rmdir {} \;
    container='' groups=''
}

trap leave EXIT
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

# boot ROOT SCRIPT: starts the system in there with systemd as its first process, which runs SCRIPT
# as root, and ends with its status. Its network is its own, its control groups stand in one.
boot()
{
    local root=$1 script=$2
    groups=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)/dora-$$
    mkdir "$groups" || { groups='' && return 1; }
    printf '%s\n' "$script" >"$root/src/script"
    : >"$root/src/said"
    cat >"$root/etc/systemd/system/script.service" <<'END'
[Unit]
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
ExecStart=bash -ex /src/script
StandardOutput=append:/src/said
StandardError=append:/src/said
TimeoutStartSec=240
END
    set -m
    # shellcheck disable=SC2016
    (
        echo $BASHPID >"$groups/cgroup.procs" || exit
        exec unshare --mount --pid --cgroup --uts --ipc --net --fork --kill-child bash -c '
            set -e
            root=$1
            mount --make-rprivate /
            mount --bind "$root" "$root"
            mount -t proc proc "$root/proc"
            mount -t sysfs -o ro sysfs "$root/sys"
            mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
            mount -t tmpfs -o mode=755 run "$root/run"
            mount -t tmpfs -o mode=755 dev "$root/dev"
            for device in null zero full random urandom tty; do
                touch "$root/dev/$device"
                mount --bind "/dev/$device" "$root/dev/$device"
            done
            ln -s /proc/self/fd "$root/dev/fd"
            ln -s pts/ptmx "$root/dev/ptmx"
            mkdir "$root/dev/pts" "$root/dev/shm"
            mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
            mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
            cd "$root" # the root itself: below a changed one no service can have mounts of its own
            pivot_root . .
            umount -l .
            exec /usr/bin/env -i container=dora LANG=C.UTF-8 \
                PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
                /usr/lib/systemd/systemd --unit=script.service
        ' boot "$root"
    ) &
    container=$!
    set +m
    wait "$container"
    local status=$?
    container=
    leave
    cat "$root/src/said"
    return $status
}
