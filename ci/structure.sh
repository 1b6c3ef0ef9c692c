#!/usr/bin/env bash
# The rules of ARCHITECTURE.md that no compiler checks: see structure.py.
. "$(dirname "$0")/lib.sh"
begin structure
need python3 python3
python3 ci/structure_test.py --quiet
python3 ci/structure.py
