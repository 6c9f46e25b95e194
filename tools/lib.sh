# shellcheck shell=bash
# Shared by the scripts in tools/: where things are, how to say things, how to become root. Sourced, not run.

# Daemons are in sbin, which is not on the path of every user.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

picket_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
picket_cache=${PICKET_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/picket}
export PICKET_CACHE=$picket_cache

say() { printf '%s: %s\n' "${0##*/}" "$*"; }
die() {
    printf '%s: error: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# The ISA name of this machine, in the words of toolchains/ and boards/.
machine_isa() {
    case $(uname -m) in
    x86_64) echo x86_64 ;;
    aarch64) echo aarch64 ;;
    armv7l) echo armv7 ;;
    *) die "no toolchain for this machine ($(uname -m)); known: x86_64 aarch64 armv7" ;;
    esac
}

# The GNU triplet Debian uses for an ISA: names its cross compiler, its headers and its packages.
isa_triplet() {
    case $1 in
    x86_64) echo x86_64-linux-gnu ;;
    aarch64) echo aarch64-linux-gnu ;;
    armv7) echo arm-linux-gnueabihf ;;
    *) die "unknown ISA '$1'; known: x86_64 aarch64 armv7" ;;
    esac
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root and there is no sudo: $*"
    fi
}

# packages_of GROUP...: what these groups of tools/packages need, each once.
packages_of() {
    local group
    for group in "$@"; do
        grep -q "^$group:" "$picket_root/tools/packages" || die "tools/packages has no group '$group'"
        sed -n "s/^$group://p" "$picket_root/tools/packages"
    done | tr -s ' ' '\n' | sed '/^$/d' | sort -u
}

package_is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need_packages GROUP...: installs what is missing, says what, touches apt only when something is.
need_packages() {
    local package missing=()
    for package in $(packages_of "$@"); do
        package_is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "missing packages and no apt-get here: ${missing[*]}"
    say "installing: ${missing[*]}"
    as_root apt-get -qq update || die "apt-get update failed"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
        "${missing[@]}" >/dev/null || die "could not install: ${missing[*]}"
}

# npm_folder NAME [--cached]: fetches into the cache, once, what tests/conformance/NAME pins of the npm registry (each package with its
# SHA-512), and prints the folder. With --cached without the network. Exit 77 and one line with the reason where it cannot be had.
npm_folder() {
    local name=$1 mode=${2:-} pins=$picket_root/tests/conformance/$1 folder=$picket_cache/$1 key major
    npm_skip() {
        say "$*" >&2
        exit 77
    }
    key=$(cat "$pins/package.json" "$pins/package-lock.json" | sha256sum | cut -c1-64)

    command -v node >/dev/null || npm_skip "Node.js is not installed"
    major=$(node -p 'process.versions.node.split(".")[0]')
    [ "$major" -ge 20 ] || npm_skip "Node.js $major is older than 20"

    if [ "$(cat "$folder/.stamp" 2>/dev/null)" != "$key" ]; then
        [ "$mode" != --cached ] || npm_skip "not fetched: run tools/${0##*/}"
        command -v npm >/dev/null || npm_skip "npm is not installed"
        mkdir -p "$picket_cache"
        exec 9>"$picket_cache/$name.lock"
        flock 9
        rm -rf "$folder.new"
        mkdir "$folder.new"
        cp "$pins/package.json" "$pins/package-lock.json" "$folder.new/"
        (cd "$folder.new" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier) >"$picket_cache/$name.log" 2>&1 ||
            npm_skip "npm could not fetch it; log: $picket_cache/$name.log"
        echo "$key" >"$folder.new/.stamp"
        rm -rf "$folder"
        mv "$folder.new" "$folder"
    fi
    printf '%s\n' "$folder"
}
