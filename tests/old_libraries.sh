#!/usr/bin/env bash
# Builds the core with libraries as old as it asks for or older, and runs its unit tests and some of
# the server: nothing newer is needed of them. libuv 1.40, hiredis 0.14 and jansson 2.13 are Debian
# 11's, libmicrohttpd 0.9.75 and OpenSSL 3.0 are Debian 12's. For a person to start; no part of
# tests/run.sh.
#
#     tests/old_libraries.sh [TEST...]     pytest's; some of tests/server by default
#
# The packages are unpacked under out/, and not installed; in a copy of the sources,
# core/libraries.txt asks for any version.
set -u
dora_root=$(cd "$(dirname "$0")/.." && pwd)
cd "$dora_root" || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
out=${DORA_TEST_OUT:-$dora_root/out/tests}
folder=$out/old-libraries
libraries=(libuv jansson hiredis libmicrohttpd openssl)
packages=({libuv1,libuv1-dev,libjansson4,libjansson-dev,libhiredis0.14,libhiredis-dev}/bullseye
    {libmicrohttpd12,libmicrohttpd-dev,libssl3,libssl-dev}/bookworm)
passed=0
failed=0

# What libuv has since 1.43, the oldest that Dora asks for. Nothing else is lent to the older one.
lend()
{
    cat >>"$folder/root/usr/include/uv.h" <<'END'
#ifndef LENT
#define LENT
static inline int uv_ip_name(const struct sockaddr *address, char *text, size_t size)
{
    return address->sa_family == AF_INET
               ? uv_ip4_name((const struct sockaddr_in *)address, text, size)
               : uv_ip6_name((const struct sockaddr_in6 *)address, text, size);
}
#endif
END
}

fetch()
{
    [ ! -e "$folder/fetched" ] || return 0
    rm -rf "$folder"
    mkdir -p "$folder/root" "$folder/packages"
    dora_apt_apart "$folder/apt" "$(dpkg --print-architecture)" bullseye bookworm
    (
        export APT_CONFIG=$folder/apt/apt.conf
        apt-get -q update && cd "$folder/packages" && apt-get -q download "${packages[@]}"
    ) >"$folder/log" 2>&1 || { tail -n 5 "$folder/log"; return 1; }
    for package in "$folder"/packages/*.deb; do
        dpkg-deb -x "$package" "$folder/root" || return 1
    done
    lend
    find "$folder/root" -name '*.pc' -exec sed -i "s|/usr|$folder/root/usr|g" {} +
    touch "$folder/fetched"
}

# A copy of the sources whose file of libraries asks for none of a certain age.
copy_sources()
{
    local names=${libraries[*]}
    mkdir -p "$folder/source"
    git ls-files -co --exclude-standard | while IFS= read -r file; do
        [ -f "$file" ] && printf '%s\n' "$file"
    done | tar -cf - -T - | tar -xf - -C "$folder/source"
    sed -i -E "s/^(${names// /|}) [^ ]+/\1 0/" "$folder/source/core/libraries.txt"
}

fetch || { echo "0 passed, 1 failed"; exit 1; }
copy_sources
lib=$(dirname "$(find "$folder/root" -name 'libuv.so')")
export PKG_CONFIG_PATH=$lib/pkgconfig
if ! (dora_root=$folder/source dora_build_core "$folder/build" -DDORA_TESTS=ON \
    -DCMAKE_BUILD_RPATH="$lib"); then
    echo "0 passed, 1 failed"
    exit 1
fi
for library in "${libraries[@]}"; do
    echo "$library $(pkg-config --modversion "$library")"
done
used=$(ldd "$folder/build/dora" | grep -c "$folder/root.*lib\(uv\|jansson\|hiredis\|micro\)")
[ "$used" -eq 4 ] || { failed=$((failed + 1)); echo "dora uses $used of them"; }
for program in "$folder"/build/tests/test_*; do
    [ -x "$program" ] && [ -f "$program" ] || continue
    CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 5 600 "$program" >"$folder/log" 2>&1
    dora_count_cmocka "$program" $? "$folder/log"
done
echo "unit tests: $passed passed, $failed failed"
unset PKG_CONFIG_PATH
[ $# -gt 0 ] || set -- tests/server/test_{json_tcp,http,http_framing,unix,discovery,reload}.py
[ -n "${DORA_PYTHON:-}" ] || { dora_build_python "$out/venv" && DORA_PYTHON=$out/venv/bin/python; }
dora_build_php "$out/php" && export DORA_PHP_EXTENSION=$dora_php_module
export DORA_PYTHON DORA_BIN=$folder/build/dora PYTHONDONTWRITEBYTECODE=1
line=$(dora_run_pytest "$folder/pytest.log" "$@" 2>&1 | tee /dev/stderr | tail -n 1)
passed=$((passed + ${line%% passed*}))
line=${line##*, }
failed=$((failed + ${line%% failed*}))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
