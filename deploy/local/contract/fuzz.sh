#!/bin/sh
# Lets schemathesis look for an answer that the OpenAPI document does not allow. Arguments: the gateway's address, an access token, the key
# of a service.
set -eu
gateway=$1 token=$2 key=$3
cd "$(dirname "$0")"
if ! cmp -s requirements.txt python/.installed; then
    rm -rf python
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target python --requirement requirements.txt
    cp requirements.txt python/.installed
fi
run() {
    PYTHONPATH=python python3 -m schemathesis.cli run "$gateway/api/openapi.json" \
        --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
        --header "Authorization: Bearer $token" --header "X-Api-Key: $key" \
        --phases examples,coverage,fuzzing --max-examples "${EXAMPLES:-25}" --seed 1 --no-shrink --continue-on-failure \
        --warnings off --request-timeout 30 "$@"
}
# What ends the connection comes last: before, there is something to read.
run --exclude-operation-id disconnectStore
run --include-operation-id disconnectStore
