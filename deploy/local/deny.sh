#!/usr/bin/env bash
# Licences, sources and duplicates of all dependencies, and known vulnerabilities where the advisory database can be reached.
# cargo-deny is built once, pinned, beside the other downloads.
set -euo pipefail
version=0.18.9
if [ -n "${QAFILA_CACHE:-}" ]; then cache=$QAFILA_CACHE
elif [ "$(id -u)" = 0 ]; then cache=/var/cache/qafila
else cache=$HOME/.cache/qafila
fi
tool=$cache/cargo-deny-$version
if [ ! -x "$tool/bin/cargo-deny" ]; then
    echo "Building cargo-deny $version (once, some minutes) …"
    cargo install cargo-deny --version "$version" --locked --quiet --root "$tool" --target-dir "$tool/target"
    rm -rf "$tool/target"
fi
"$tool/bin/cargo-deny" --log-level error check licenses bans sources
if "$tool/bin/cargo-deny" --log-level off fetch db; then
    "$tool/bin/cargo-deny" check advisories
else
    echo "advisories were NOT checked: the database (github.com/RustSec/advisory-db) cannot be reached"
fi
