# lib.sh: what the shell scripts share: packages and the three builds. Sourced by bash, never run.
# The caller sets `dora_root` to the top of the sources.
# shellcheck shell=bash disable=SC2154

# dora_missing PACKAGE... leaves in `missing` what is not installed, and in `sudo` what root's work
# begins with. Fails when nothing is missing.
dora_missing()
{
    local package
    missing=() sudo=()
    for package in "$@"; do
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
            missing+=("$package")
        fi
    done
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    [ ${#missing[@]} -gt 0 ]
}

# dora_need PACKAGE... installs what is missing, and does nothing when all is there.
dora_need()
{
    local missing sudo
    dora_missing "$@" || return 0
    echo "installing: ${missing[*]}" >&2
    if ! dora_apt_install "${missing[@]}" >/dev/null 2>&1; then
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q update >&2 &&
            dora_apt_install "${missing[@]}" >&2
    fi
}

# dora_apt_install PACKAGE...: uses `sudo` of dora_need.
dora_apt_install()
{
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
        --no-install-recommends "$@" </dev/null
}

# dora_need_quietly PACKAGE... does the same for packages that bring a service: none is started, nor
# at the next boot. Debian asks policy-rc.d before a start; one that is there already stays.
dora_need_quietly()
{
    local missing sudo
    dora_missing "$@" || return 0
    (
        policy=/usr/sbin/policy-rc.d
        wanted=/etc/systemd/system/multi-user.target.wants
        before=$(ls "$wanted" 2>/dev/null)
        if [ ! -e $policy ]; then
            trap '"${sudo[@]}" rm -f $policy' EXIT
            trap 'exit 130' INT
            trap 'exit 143' TERM
            printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee $policy >/dev/null &&
                "${sudo[@]}" chmod 755 $policy || exit
        fi
        dora_need "$@" || exit
        comm -13 <(echo "$before") <(ls "$wanted" 2>/dev/null) | while read -r unit; do
            "${sudo[@]}" systemctl --quiet disable "$unit" >/dev/null 2>&1 || true
        done
    )
}

# dora_promtool DIR puts Prometheus' own checker there, out of its package: that would also start a
# server. DORA_PROMTOOL names it; without it the test that wants it is skipped and says so.
dora_promtool()
{
    local found
    found=$(command -v promtool) || found=$1/usr/bin/promtool
    if [ ! -x "$found" ]; then
        mkdir -p "$1" && (cd "$1" && apt-get -q download prometheus >/dev/null 2>&1 &&
            dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool) || return 0
    fi
    export DORA_PROMTOOL=$found
}

# dora_validator DIR puts a public validator of OpenAPI there, from the package index: Debian 12 has
# none. It brings a pydantic of its own, so only the process that validates may see it.
# DORA_VALIDATOR names the folder; without it the tests that want it are skipped and say so.
dora_validator()
{
    [ -d "$1/openapi_spec_validator" ] ||
        "$DORA_PYTHON" -m pip install --quiet --disable-pip-version-check --target "$1" \
            openapi-spec-validator >"$1.log" 2>&1 || return 0
    export DORA_VALIDATOR=$1
}

# The packages for building all three parts, those of examples/site, and those that only the tests
# want. The last two lists are for dora_need_quietly.
dora_packages_build=(gcc libc6-dev make cmake pkg-config libuv1-dev libjansson-dev zlib1g-dev
    libmicrohttpd-dev libhiredis-dev libssl-dev python3 python3-dev python3-venv
    python3-setuptools python3-wheel php-cli php-dev)
dora_packages_site=(curl nginx php-fpm redis-server)
dora_packages_test=("${dora_packages_site[@]}" stunnel4 chromium fonts-dejavu-core git g++ clang
    clang-format libcmocka-dev openssl valgrind nodejs php-curl phpunit iproute2 tmux wrk
    groff-base zsh python3-pytest python3-pytest-xdist python3-hypothesis python3-pyte
    python3-prometheus-client python3-numpy python3-pandas python3-jsonschema python3-gevent
    python3-uvloop python3-pydantic python3-fastapi mypy)

# dora_apt_apart FOLDER PROCESSOR [RELEASE...]: settings for apt, FOLDER/apt.conf, whose state is in
# FOLDER: it neither changes the system's nor asks what is installed here. It asks where the system
# does, for another processor's packages or other releases' (the system's own).
dora_apt_apart()
{
    local folder=$1 processor=$2 keys=/usr/share/keyrings/debian-archive-keyring.gpg
    shift 2
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$folder/parts"
    : >"$folder/status"
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' | sort -u |
        awk -v releases="$*" '$1 == "Debian" && releases == "" { print $2, $3, $4 }
            $1 == "Debian" && releases != "" && $3 !~ /-/ {
                n = split(releases, release, " ")
                for (i = 1; i <= n; i++) print $2, release[i], $4
            }' | sort -u | sed "s|^|deb [arch=$processor signed-by=$keys] |" >"$folder/sources.list"
    cat >"$folder/apt.conf" <<END
APT::Architecture "$processor";
APT::Architectures { "$processor"; };
APT::Sandbox::User "";
Dir::Etc::SourceList "$folder/sources.list";
Dir::Etc::SourceParts "$folder/parts";
Dir::State::Lists "$folder/lists";
Dir::State::status "$folder/status";
Dir::Cache "$folder/cache";
END
}

# dora_document FILE HEADING LANGUAGE [N]: a document's fenced blocks below a heading, or the Nth.
# Of a transcript (console) it gives what is typed.
dora_document()
{
    awk -v heading="## $2" -v fence="\`\`\`$3" -v only="${4:-0}" -v typed="$3" '
        !code && /^## / { here = $0 == heading }
        here && code && /^```$/ { code = 0; next }
        here && code && (!only || count == only) && typed != "console" { print }
        here && code && (!only || count == only) && typed == "console" && sub(/^\$ /, "") { print }
        here && !code && index($0 " ", fence " ") == 1 { code = 1; count++ }' "$dora_root/$1"
}

# dora_count_cmocka PROGRAM STATUS LOG: adds the TAP lines of a unit test program to `passed` and
# `failed`; an end without a failed test, or without any, is one that failed. Prints what did.
dora_count_cmocka()
{
    local good bad
    good=$(grep -c '^ok ' "$3")
    bad=$(grep -c '^not ok ' "$3")
    if [ "$2" -ne 0 ] && [ "$bad" -eq 0 ] || [ $((good + bad)) -eq 0 ]; then
        bad=$((bad + 1))
    fi
    if [ "$bad" -ne 0 ]; then
        echo "-- ${1##*/} (status $2)"
        grep -v '^ok ' "$3" | tail -n 60
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
}

# dora_run_pytest LOG ARGUMENT...: pytest of DORA_PYTHON with its last line in our form.
dora_run_pytest()
{
    local log=$1 status passed failed
    shift
    "$DORA_PYTHON" -m pytest -q -p no:cacheprovider --tb=short --durations=5 -rs "$@" 2>&1 |
        tee "$log"
    status=${PIPESTATUS[0]}
    passed=$(tail -n 1 "$log" | grep -oE '[0-9]+ passed' | cut -d' ' -f1)
    failed=$(tail -n 1 "$log" | grep -oE '[0-9]+ (failed|error)' |
        awk '{n += $1} END {print n + 0}')
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
        failed=1
    fi
    rm -f "$log"
    echo "${passed:-0} passed, $failed failed"
    return "$status"
}

# dora_build_core DIR [CMAKE OPTION...] configures and builds the core there; of it `dora_target`,
# where the caller has one.
dora_build_core()
{
    local dir=$1
    shift
    mkdir -p "$(dirname "$dir")"
    cmake -S "$dora_root" -B "$dir" "$@" >"$dir.log" 2>&1 || { cat "$dir.log" >&2; return 1; }
    cmake --build "$dir" -j "$(nproc)" ${dora_target:+--target "$dora_target"} \
        >"$dir.log" 2>&1 || { tail -60 "$dir.log" >&2; return 1; }
}

# dora_build_python VENV installs the extension into a virtual environment made for it. Tools come
# from Debian's packages, so that no other index is asked.
dora_build_python()
{
    local venv=$1
    mkdir -p "$(dirname "$venv")"
    [ -x "$venv/bin/python" ] || /usr/bin/python3 -m venv --system-site-packages "$venv" ||
        return 1
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-build-isolation \
        --no-deps --force-reinstall "$dora_root" >"$venv.log" 2>&1 ||
        { tail -60 "$venv.log" >&2; return 1; }
}

# dora_build_php DIR builds the extension out of tree; the module's path is left in dora_php_module.
dora_build_php()
{
    dora_php_module=$("$dora_root/bindings/php/build.sh" "$1") || return 1
}

# dora_each_version WIDTH RUN EACH... calls `RUN EACH` for each, which leaves what that is in `kind`
# and the last line of its tests in `line`; prints these as a table of that width, and the sum.
dora_each_version()
{
    local width=$1 run=$2 each kind line summary="" passed=0 failed=0
    shift 2
    for each in "$@"; do
        "$run" "$each"
        summary+=$(printf "%-${width}s %s" "$kind" "$line")$'\n'
        passed=$((passed + ${line%% passed*}))
        line=${line##*, }
        failed=$((failed + ${line%% failed*}))
    done
    printf '\n%s' "$summary"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
