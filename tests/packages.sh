#!/usr/bin/env bash
# What people install: the release, the sdist, composer's files; and, for a person to start as root,
# the wheel and the .deb packages, built here, installed, used and removed in bare containers of
# this system.
#
#     tests/packages.sh FOLDER              the quick part, which tests/run.sh has
#     tests/packages.sh FOLDER wheel deb    these; a container is made by debootstrap
set -u
dora_root=$(cd "$(dirname "$0")/.." && pwd)
cd "$dora_root" || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
passed=0
failed=0
version=$(sed -n 's/#define DORA_VERSION "\(.*\)"/\1/p' core/include/dora/version.h)

check()
{
    local what=$1
    shift
    if "$@" >"$folder/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "packages: FAILED $what"
        tail -n 30 "$folder/log"
    fi
}

# A repository of what is here, so that a release can be cut of what is not committed yet.
make_repository()
{
    rm -rf "$folder/repository"
    mkdir -p "$folder/repository"
    {
        git ls-files -co --exclude-standard 2>/dev/null ||
            find . -path ./out -prune -o -type f -print
    } | while IFS= read -r file; do
        [ -e "$file" ] && printf '%s\n' "$file"
    done | tar -cf - --no-recursion -T - | tar -xf - -C "$folder/repository"
    (
        cd "$folder/repository" || exit
        git init -q -b main .
        git config user.name tests
        git config user.email tests@localhost
        git add -A
        git commit -qm all
    )
}

in_repository() { (cd "$folder/repository" && "$@"); }

refuses()
{
    local words=$1
    shift
    ! in_repository core/release.sh "$@" 2>"$folder/said" && grep -F "$words" "$folder/said"
}

# The next minor version, as far as the commit, the tag and the packages of sources.
cuts_a_release()
{
    local next out=$folder/release
    IFS=. read -r major minor _ <<<"$version"
    next=$major.$((minor + 1)).0
    rm -rf "$out"
    in_repository env DORA_RELEASE_OUT="$out" \
        core/release.sh --dry-run "$next" source stubs sdist || return 1
    [ -z "$(git -C "$folder/repository" tag)" ] || return 1
    in_repository core/release.sh --check | grep -x "$version" || return 1
    (cd "$out" && sha256sum -c SHA256SUMS) || return 1
    tar -xzOf "$out/dora-$next.tar.gz" "dora-$next/CHANGELOG.md" |
        grep -x "## $next ([0-9]*-[0-9]*-[0-9]*)" || return 1
    tar -xzOf "$out/dora-$next.tar.gz" "dora-$next/core/include/dora/version.h" |
        grep -x "#define DORA_VERSION \"$next\"" || return 1
    tar -xzOf "$out/dora_rpc-$next.tar.gz" "dora_rpc-$next/PKG-INFO" >"$folder/PKG-INFO"
    grep -x "Version: $next" "$folder/PKG-INFO"
}

# What an index shows has no links into sources that it does not have.
shows_no_dead_links()
{
    grep -q '^Description-Content-Type: text/markdown' "$folder/PKG-INFO" &&
        grep -q '^## Python' "$folder/PKG-INFO" &&
        grep -q '^License.*: Apache-2.0' "$folder/PKG-INFO" &&
        ! grep -nE '\]\((core|bindings|examples|LICENSE|#)' "$folder/PKG-INFO"
}

# The sdist has all that its own build reads, and none of what others build by.
sdist_is_whole()
{
    local tree=$folder/sdist
    rm -rf "$tree"
    mkdir -p "$tree"
    tar -xzf "$folder"/release/dora_rpc-*.tar.gz -C "$tree" --strip-components=1
    while IFS= read -r file; do
        case $file in '' | '#'*) continue ;; esac
        [ -f "$tree/$file" ] || { echo "$file is missing"; return 1; }
    done <core/sources.txt
    [ ! -e "$tree/bindings/php" ] && (cd "$tree" && python3 setup.py --version)
}

# Composer of Debian 12 does not know what PIE reads: its other words are looked at there.
composer_takes()
{
    local said
    said=$(cd "$1" && COMPOSER_ALLOW_SUPERUSER=1 composer validate --no-interaction 2>&1)
    echo "$said"
    ! grep -E '^- ' <<<"$said" | grep -v 'property php-ext is not defined'
}

# The classes for editors, required as a package of a folder; no index is asked.
stubs_install()
{
    local project=$folder/project
    rm -rf "$project"
    mkdir -p "$project"
    cat >"$project/composer.json" <<END
{
    "repositories": [
        {"type": "path", "url": "$1", "options": {"symlink": false}},
        {"packagist.org": false}
    ],
    "require": {"dora/stubs": "*"},
    "minimum-stability": "dev"
}
END
    (cd "$project" && COMPOSER_ALLOW_SUPERUSER=1 COMPOSER_HOME=$folder/composer \
        composer install --no-interaction) || return 1
    for file in bindings/php/stubs/*.stub.php; do
        cmp "$file" "$project/vendor/dora/stubs/${file##*/}" &&
            grep -q -- "- ${file##*/}" "$project/vendor/dora/stubs/extension.neon" || return 1
    done
    # Copied, not linked: nothing of it is outside of it.
    (cd "$project" && php -n -r 'require "vendor/autoload.php";
        exit(class_exists("Dora\\Testing\\Server") ? 0 : 1);')
}

quick()
{
    check "a repository of what is here" make_repository
    check "the version stands in one place" in_repository core/release.sh --check
    check "an older version is refused" refuses "0.0.9 is not newer" 0.0.9
    check "what is no version is refused" refuses "v1 is no version" v1
    echo >>"$folder/repository/README.md"
    check "changes that are not committed are refused" \
        refuses "not committed" 99.0.0
    in_repository git checkout -q README.md
    check "a release is cut" cuts_a_release
    check "the package index gets a README without dead links" shows_no_dead_links
    check "the sdist has all that it builds by" sdist_is_whole
    dora_need_quietly composer unzip
    check "composer.json" composer_takes .
    check "composer.json of the stubs" composer_takes bindings/php/stubs
    check "the stubs are a package" stubs_install "$dora_root/bindings/php/stubs"
    rm -rf "$folder/stubs"
    check "those of a release" unzip -q "$folder"/release/dora-stubs-*.zip -d "$folder/stubs"
    check "they are a package, too" stubs_install "$folder/stubs"
    check "with its version" grep -E '"version": "[0-9.]+"' "$folder/stubs/composer.json"
}

# container NAME: an empty system of this release in $root.
container()
{
    # shellcheck source=/dev/null
    local release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    root=$folder/$1
    rm -rf "$root"
    make_system "$release" "$folder/$release" && cp -a "$folder/$release" "$root" &&
        lend_settings "$root" && mkdir -p "$root/src"
}

served='import dora
app = dora.App()

@app.api("/hi")
def hi(param):
    return "hi " + param
'

# Serves users.py, asks it, stops it: in the container, with what is installed there.
serves='set -e
mkfifo /tmp/ready
dora serve /src/app.py --port 0 >/tmp/ready &
IFS= read -r line </tmp/ready
address=${line#*tcp=}
[ "$(dora call ${address%% *} /hi "\"you\"")" = "\"hi you\"" ]
dora stop "${address%% *}"
wait $!'

# A container with an interpreter and nothing else: no library comes from its packages.
wheel_serves()
{
    bindings/python/wheel.sh "$folder/wheel" /usr/bin/python3 && container wheel-system || return 1
    inside "$root" sh -c 'apt-get -q update && apt-get -q install -y --no-install-recommends \
        python3 python3-venv' || return 1
    cp "$folder"/wheel/dist/*manylinux*.whl "$root/src"
    echo "$served" >"$root/src/app.py"
    ls -l "$root/src"
    ! inside "$root" sh -c 'ldconfig -p | grep -E "libuv|libmicrohttpd|libjansson|libhiredis"' &&
        inside "$root" bash -c "python3 -m venv /venv && . /venv/bin/activate &&
            pip install --no-index --no-deps /src/*.whl &&
            ls /venv/lib/python3*/site-packages/*.libs | tee /dev/stderr | { ! grep gnutls; } &&
            ls /venv/lib/python3*/site-packages/*.dist-info/licenses/bundled | grep libssl &&
            $serves"
}

build_debs()
{
    cmake -S . -B "$folder/debs" -DDORA_PACKAGES=ON -DCMAKE_INSTALL_PREFIX=/usr &&
        cmake --build "$folder/debs" -j "$(nproc)" && rm -f "$folder"/debs/*.deb &&
        (cd "$folder/debs" && cpack) &&
        [ "$(find "$folder/debs" -maxdepth 1 -name '*.deb' | wc -l)" -eq 5 ]
}

lintian_accepts()
{
    dora_need_quietly lintian
    # They are no part of Debian, so no bug of its tracker says that they should be.
    lintian --allow-root --fail-on error --suppress-tags initial-upload-closes-no-bugs \
        "$folder"/debs/*.deb
}

debs_serve()
{
    container deb-system || return 1
    cp "$folder"/debs/*.deb "$root/src"
    echo "$served" >"$root/src/app.py"
    inside "$root" sh -c 'apt-get -q update && apt-get -q install -y --no-install-recommends \
        /src/*.deb gcc libc6-dev pkg-config man-db' || return 1
    inside "$root" bash -c "$serves" || return 1
    inside "$root" bash -exc '
        python3 -c "import dora; print(dora.__version__)"
        [ "$(php -r "echo class_exists(\"Dora\\\\Client\");")" = 1 ]
        printf "%s\n" "#include <dora/dora.h>" "#include <stdio.h>" \
            "int main(void) { return puts(dora_version()) < 0; }" >a.c
        cc -o a a.c $(pkg-config --cflags --libs dora)
        ./a
        man -w dora dora.json || zgrep -q . /usr/share/man/man1/dora.1.gz
        [ -f /usr/share/bash-completion/completions/dora ]
        php -n -l /usr/share/php/dora-stubs/dora.stub.php
        [ -f /usr/lib/systemd/system/dora.service ]
        ! find /etc/systemd -name "dora.service" | grep .' || return 1
    inside "$root" bash -exc '
        apt-get -q purge -y dora libdora0 libdora-dev python3-dora php-dora
        ! command -v dora && ! php -m | grep -x dora
        ! python3 -c "import dora" 2>/dev/null
        ! find /usr /etc -path "*dora*" ! -path "*dictionaries*" | grep .'
}

# With systemd as its first process: the unit starts when it is told to, and not before.
under_systemd='
trap "journalctl --no-pager -u dora | tail -n 30" ERR
unit=/usr/lib/systemd/system/dora.service
systemd-analyze verify $unit
[ "$(systemctl is-enabled dora)" = disabled ]
systemctl start dora # without a configuration: skipped
[ "$(systemctl is-active dora)" = inactive ]

mkdir /srv/app
cp /src/app.py /srv/app
chown -R root:dora /etc/dora
cat >/etc/dora/dora.json <<END
{
    "listen": {"tcp": "127.0.0.1:9567", "unix": "/run/dora/dora.sock"},
    "pools": {"all": {"runtime": "python", "app": "/srv/app/app.py"}}
}
END
says() { [ "$(dora call unix:/run/dora/dora.sock /hi "\"you\"")" = "\"$1 you\"" ]; }
systemctl enable --now dora
says hi
[ "$(ps -o user= -p "$(systemctl show -P MainPID dora)")" = dora ]

sed -i "s/hi \" +/hello \" +/" /srv/app/app.py
systemctl reload dora
says hello
echo "not python" >>/srv/app/app.py
! systemctl reload dora # and says why in the journal
says hello

systemctl stop dora
[ "$(systemctl show -P Result dora)" = success ]
[ ! -e /run/dora ]
sed -i "/not python/d" /srv/app/app.py
systemctl start dora
apt-get -q purge -y dora
[ "$(systemctl is-active dora)" = inactive ]
'

debs_start_under_systemd()
{
    container systemd-system || return 1
    cp "$folder"/debs/*.deb "$root/src"
    echo "$served" >"$root/src/app.py"
    inside "$root" sh -c 'apt-get -q update && apt-get -q install -y --no-install-recommends \
        /src/*.deb systemd dbus procps' || return 1
    boot "$root" "$under_systemd"
}

if [ $# -eq 0 ]; then
    quick
else
    [ "$(id -u)" -eq 0 ] || { echo "packages: wheel and deb need root"; exit 1; }
    dora_need_quietly debootstrap
    # shellcheck source=tests/container.sh
    . tests/container.sh
fi
for kind in "$@"; do
    case $kind in
    wheel) check "the wheel serves in a bare system" wheel_serves ;;
    deb)
        check "the .deb packages are built" build_debs
        check "lintian has no error" lintian_accepts
        check "they are installed, used and removed in a bare system" debs_serve
        check "systemd starts, reloads and stops the unit" debs_start_under_systemd
        ;;
    *) echo "packages: no kind $kind" && failed=$((failed + 1)) ;;
    esac
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
