#!/usr/bin/env bash
# Writes what came of machines.sh into docs/machines.md: the rows of the passes that ran are
# replaced, the others stay.
#
#   ci/machines/record.sh FOLDER COMMIT      where machines.sh left its .rows
set -euo pipefail
cd "$(dirname "$0")/../.."
page=docs/machines.md
stamp="$(date -u +%F) | $2"
{
    sed '/^| machine /{n;q}' "$page"
    {
        for rows in "$1"/*.rows; do
            sed "s/\$/ $stamp |/" "$rows"
        done
        sed '1,/^| machine /d' "$page" | tail -n +2
    } | awk -F'|' '!seen[$2, $5]++' | sort -s -t'|' -k2,2
} > "$page.new"
mv "$page.new" "$page"
