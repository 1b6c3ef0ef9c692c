#!/usr/bin/env bash
# Runs a test binary until its first failure: a mutant is caught then, and what else it
# does, which may be to go round for ever, does not matter. Called by cargo.
exec 3< <(exec "$@" 2>&1)
binary=$!
while IFS= read -r line <&3; do
    echo "$line"
    case $line in
    *' ... FAILED')
        kill -9 $binary
        exit 101
        ;;
    esac
done
wait $binary
