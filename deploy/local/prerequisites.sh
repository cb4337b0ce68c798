#!/bin/sh
# What cannot come from a lock file: a compiler, make, cmake, perl, npm, Maven, Python; with the argument `chromium` or `browsers` also what the
# web app's journeys run in. As root on Debian it is installed; elsewhere it is named with the command that installs it.
set -eu

missing=""
need() { # command, Debian package
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need cc gcc
need g++ g++
need make make
need cmake cmake
need perl perl
need node nodejs
need npm npm
need mvn maven
need python3 python3
need tar tar
case "${1:-}" in
    chromium) need chromium chromium ;;
    browsers)
        need chromium chromium
        command -v firefox >/dev/null 2>&1 || need firefox-esr firefox-esr
        ;;
esac
[ -f /usr/include/zlib.h ] || [ -f /usr/local/include/zlib.h ] || missing="$missing zlib1g-dev"
python3 -m pip --version >/dev/null 2>&1 || missing="$missing python3-pip"

if ! command -v cargo >/dev/null 2>&1; then
    echo "cargo is missing: install Rust from https://rustup.rs; the tool chain is pinned in rust-toolchain.toml" >&2
    exit 1
fi
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing:$missing"
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    exit 0
fi
echo "missing:$missing" >&2
echo "on Debian or Ubuntu: sudo apt-get install$missing" >&2
exit 1
