#!/usr/bin/env bash
# A service for stanzabus with nothing but redis-cli and jq: it answers every message with the same words.
# usage: echo.sh ADDRESS [redis-cli options]
set -euo pipefail
address=${1:-echo.localhost}
shift || true

redis-cli "$@" SUBSCRIBE "xmpp:to:{$address}" | while read -r line; do
    # redis-cli prints the kind, the channel and the payload, a line each; only the payload is an object
    case $line in '{'*) ;; *) continue ;; esac
    answer=$(jq -c 'select(.data.kind == "message" and .data.body and .data.type != "error")
        | {data: {kind: "message", type: (.data.type // "normal"), from: .data.to, to: .data.from, body: .data.body}}' <<<"$line")
    [ -n "$answer" ] && redis-cli "$@" PUBLISH "xmpp:from:{$address}" "$answer" >/dev/null
done
