#!/usr/bin/env bash
# Sends the daemon what its API's document allows and what it does not: nothing may fail inside, and no answer be other than said.
#
#   hostile.sh ADDRESS TOKEN [EXAMPLES] [SEED]
# Left out is the stream of events, which goes on for ever.
set -euo pipefail
address=$1 token=$2 examples=${3:-5} seed=${4:-1}
exec schemathesis run "$address/api/v1/openapi.json" --header "Authorization: Bearer $token" \
  --phases examples,fuzzing --max-examples "$examples" --seed "$seed" --workers 2 --no-color \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
  --exclude-operation-id get_events --generation-database none --warnings off --request-timeout 90 --no-shrink
