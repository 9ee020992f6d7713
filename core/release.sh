#!/usr/bin/env bash
# Cuts a release: the version, the changelog, a commit, its tag, the packages.
#
#     core/release.sh VERSION [PACKAGE...]            source, stubs, sdist, wheel, deb; or some
#     core/release.sh --dry-run VERSION [PACKAGE...]  the same in a clone, which is thrown away;
#                                                     says what it would commit and tag
#     core/release.sh --check                         whether the version stands in one place alone
#
# On a clean checkout whose tests have passed; it publishes nothing. The version is that of
# core/include/dora/version.h: the builds, the packages and `dora --version` take it from there.
# Packages come to out/release (DORA_RELEASE_OUT names another folder).
set -eu
cd "$(dirname "$0")/.."
header=core/include/dora/version.h

fail()
{
    echo "release: $*" >&2
    exit 1
}

now()
{
    sed -n 's/^#define DORA_VERSION "\(.*\)"$/\1/p' "$header"
}

# number VERSION: as DORA_VERSION_NUMBER has it.
number()
{
    local major minor patch
    IFS=. read -r major minor patch <<<"$1"
    echo $((10000 * major + 100 * minor + patch))
}

# What a reader of a package would take for its version is read from the header, or agrees with it.
check()
{
    local version stray
    version=$(now)
    [ "$(sed -n 's/^#define DORA_VERSION_NUMBER //p' "$header")" = "$(number "$version")" ] ||
        fail "$header: DORA_VERSION_NUMBER is not that of $version"
    stray=$(git grep -nE '("version"|^version *=|VERSION) *[=:]? *"[0-9]+\.[0-9]+\.[0-9]+"' -- \
        '*.toml' '*.json' '*.txt' '*.cmake' '*.py' '*.m4' '*.c' '*.h' ':!tests' ":!$header") || true
    [ -z "$stray" ] || fail "a version stands outside $header:"$'\n'"$stray"
    grep -qx "## $version\( ([0-9-]*)\)\?" CHANGELOG.md || fail "CHANGELOG.md has no $version"
    echo "$version"
}

# The lines below a heading of the changelog.
changes_of()
{
    awk -v heading="## $1" '/^## / { here = index($0, heading) == 1; next } here' CHANGELOG.md |
        sed -e '/./,$!d'
}

# What stands in the way of VERSION is said before anything is changed.
allow()
{
    [[ $1 =~ ^(0|[1-9][0-9]*)\.([0-9]|[1-9][0-9])\.([0-9]|[1-9][0-9])$ ]] ||
        fail "$1 is no version: three numbers, such as 1.2.0, the last two below 100"
    [ "$(number "$1")" -gt "$(number "$(now)")" ] || fail "$1 is not newer than $(now)"
    [ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed"
    ! git rev-parse -q --verify "refs/tags/v$1" >/dev/null || fail "there is a tag v$1"
    [ -n "$(changes_of Unreleased)" ] || fail "CHANGELOG.md has nothing under Unreleased"
}

change()
{
    sed -i -e "s/^#define DORA_VERSION .*/#define DORA_VERSION \"$1\"/" \
        -e "s/^#define DORA_VERSION_NUMBER .*/#define DORA_VERSION_NUMBER $(number "$1")/" "$header"
    sed -i "s/^## Unreleased\$/## Unreleased\n\n## $1 ($(date -u +%F))/" CHANGELOG.md
    check >/dev/null
    git commit -qam "Dora $1"
    changes_of "$1" | git tag -a "v$1" --cleanup=verbatim -F <(echo "Dora $1"; echo; cat)
}

# make_package KIND VERSION: into $out, of what the tag has.
make_package()
{
    local tree=$work/dora-$2
    [ -d "$tree" ] || git archive --prefix="dora-$2/" "v$2" | tar -x -C "$work"
    case $1 in
    source) git archive --prefix="dora-$2/" -o "$out/dora-$2.tar.gz" "v$2" ;;
    sdist) (cd "$tree" && python3 setup.py -q sdist --dist-dir "$out") ;;
    stubs) # a zip with its version inside, as composer's repositories of type artifact want it
        mkdir -p "$work/stubs" && cp -r "$tree"/bindings/php/stubs/* "$work/stubs" &&
            sed -i "s|^    \"type\": .*|&\n    \"version\": \"$2\",|" "$work/stubs/composer.json" &&
            (cd "$work/stubs" && python3 -m zipfile -c "$out/dora-stubs-$2.zip" ./*)
        ;;
    wheel)
        "$tree/bindings/python/wheel.sh" "$work/wheel" && cp "$work"/wheel/dist/*.whl "$out"
        ;;
    deb)
        cmake -S "$tree" -B "$work/deb" -DDORA_PACKAGES=ON -DCMAKE_INSTALL_PREFIX=/usr &&
            cmake --build "$work/deb" -j "$(nproc)" && (cd "$work/deb" && cpack) &&
            cp "$work"/deb/*.deb "$out"
        ;;
    *) fail "no package $1; there are: source, stubs, sdist, wheel, deb" ;;
    esac
}

release()
{
    local version=$1 package
    shift
    [ $# -gt 0 ] || set -- source stubs sdist wheel deb
    allow "$version"
    change "$version"
    git --no-pager show --stat --format='release: commit %s' HEAD
    echo "release: tag $(git describe --tags)"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$out"
    for package in "$@"; do
        make_package "$package" "$version" >"$work/log" 2>&1 ||
            { tail -n 30 "$work/log" >&2; fail "the package $package could not be made"; }
    done
    (cd "$out" && sha256sum -- *"$version"* | tee "SHA256SUMS")
}

out=${DORA_RELEASE_OUT:-$PWD/out/release}
case ${1:-} in
--check) check ;;
--dry-run)
    [ $# -ge 2 ] || fail "a VERSION is missing"
    shift
    [ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed"
    clone=$(mktemp -d)
    trap 'rm -rf "$clone"' EXIT
    git clone -q "$PWD" "$clone/dora"
    for name in user.name user.email; do
        git -C "$clone/dora" config $name "$(git config $name || echo release)"
    done
    DORA_RELEASE_OUT=$out "$clone/dora/core/release.sh" "$@"
    ;;
'' | -*) sed -n '2,12s/^# \?//p' "$0" >&2; exit 2 ;;
*) release "$@" ;;
esac
