#!/usr/bin/env bash
# Other processors: the core and its unit tests, compiled here for arm64 or s390x (whose bytes stand
# the other way round) and run by qemu.
#
#     tests/arm64.sh [--build] [PROCESSOR...]     arm64 by default
#
# --build compiles the core alone, with warnings as errors, and runs nothing: tests/run.sh install
# does so. Debian's packages for that processor are unpacked under out/, and not installed.
# DORA_PAGE=65536 gives qemu's processor larger pages.
set -u
dora_root=$(cd "$(dirname "$0")/.." && pwd)
cd "$dora_root" || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
out=${DORA_TEST_OUT:-$dora_root/out/tests}
only_build=
passed=0
failed=0

# Debian's names: of the processor, of its compiler, of qemu's program.
names_of()
{
    case $1 in
    arm64) echo arm64 aarch64-linux-gnu aarch64 ;;
    s390x) echo s390x s390x-linux-gnu s390x ;;
    *) return 1 ;;
    esac
}

# The libraries of another processor, with all they stand on.
fetch()
{
    local folder=$1 processor=$2
    [ ! -e "$folder/fetched" ] || return 0
    rm -rf "$folder"
    mkdir -p "$folder/root"
    dora_apt_apart "$folder/apt" "$processor"
    APT_CONFIG=$folder/apt/apt.conf apt-get -q update >"$folder/log" 2>&1 &&
        APT_CONFIG=$folder/apt/apt.conf apt-get -q -y --no-install-recommends --download-only \
            install libuv1-dev libjansson-dev zlib1g-dev libmicrohttpd-dev libhiredis-dev \
            libssl-dev libcmocka-dev libc6-dev >>"$folder/log" 2>&1 || return 1
    for package in "$folder"/apt/cache/archives/*.deb; do
        dpkg-deb -x "$package" "$folder/root" || return 1
    done
    # Debian 13's lie in usr/lib alone, and are looked for in lib.
    [ -e "$folder/root/lib" ] || ln -s usr/lib "$folder/root/lib" || return 1
    rm -rf "$folder/apt"
    touch "$folder/fetched"
}

# build PROCESSOR FOLDER COMPILER TARGET...
build()
{
    local folder=$1 triplet=$2 root=$1/root
    shift 2
    env -u PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR="$root" \
        PKG_CONFIG_LIBDIR="$root/usr/lib/$triplet/pkgconfig:$root/usr/share/pkgconfig" \
        cmake -S . -B "$folder/build" -DDORA_TESTS=ON -DCMAKE_SYSTEM_NAME=Linux \
        -DCMAKE_SYSTEM_PROCESSOR="${triplet%%-*}" -DCMAKE_C_COMPILER="$triplet-gcc" \
        -DCMAKE_SYSROOT="$root" -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER >"$folder/log" 2>&1 &&
        cmake --build "$folder/build" -j "$(nproc)" --target "$@" >"$folder/log" 2>&1
}

# run_tests FOLDER QEMU: every unit test program, counted by its lines.
run_tests()
{
    local folder=$1 program log=$1/run.log
    for program in "$folder"/build/tests/test_*; do
        [ -x "$program" ] && [ -f "$program" ] || continue
        CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 5 600 "$2" ${DORA_PAGE:+-p "$DORA_PAGE"} \
            -L "$folder/root" "$program" >"$log" 2>&1
        dora_count_cmocka "$program" $? "$log"
    done
}

try()
{
    local processor=$1 debian triplet qemu folder=$out/$1
    read -r debian triplet qemu <<<"$(names_of "$processor")"
    local -a tools=("gcc-$triplet" qemu-user)
    [ -z "$only_build" ] || tools=("gcc-$triplet")
    if ! dora_need "${tools[@]}"; then
        echo "$processor: skipped, its compiler or qemu cannot be had"
        return
    fi
    if ! fetch "$folder" "$debian"; then
        echo "$processor: skipped, its libraries cannot be had"
        tail -n 3 "$folder/log"
        return
    fi
    if ! build "$folder" "$triplet" "${only_build:-all}"; then
        failed=$((failed + 1))
        echo "$processor: FAILED to build"
        tail -n 40 "$folder/log"
    elif [ -n "$only_build" ]; then
        passed=$((passed + 1))
    else
        run_tests "$folder" "qemu-$qemu"
    fi
}

[ "${1:-}" != --build ] || { only_build=dora; shift; }
[ $# -gt 0 ] || set -- arm64
for processor in "$@"; do
    names_of "$processor" >/dev/null || { echo "arm64: no processor $processor" >&2; exit 2; }
    try "$processor"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
