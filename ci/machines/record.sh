#!/usr/bin/env bash
# Writes what came of machines.sh into docs/machines.md: the rows of the machines that ran are
# replaced, those of the others stay.
#
#   ci/machines/record.sh FOLDER      where machines.sh left its .rows
set -euo pipefail
cd "$(dirname "$0")/../.."
page=docs/machines.md
stamp="$(date -u +%F) | $(git rev-parse --short HEAD)$(git diff --quiet HEAD -- . ':!docs/machines.md' || echo ' and changes')"
{
    sed '/^| machine /{n;q}' "$page"
    {
        for rows in "$1"/*.rows; do
            sed "s/\$/ $stamp |/" "$rows"
        done
        sed '1,/^| machine /d' "$page" | tail -n +2 | while IFS= read -r row; do
            machine=${row#| }
            [ -e "$1/${machine%% *}.rows" ] || echo "$row"
        done
    } | sort -s -t'|' -k2,2
} > "$page.new"
mv "$page.new" "$page"
