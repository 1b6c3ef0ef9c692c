#!/usr/bin/env bash
# Documentation without warnings: no dead link, no item without a line. Once with
# private items, whose comments link to each other, and then as published.
. "$(dirname "$0")/lib.sh"
begin docs

RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" \
    cargo doc "${LIBRARIES[@]}" --all-features --no-deps --document-private-items
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps
