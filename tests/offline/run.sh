#!/usr/bin/env bash
# Demo and tests with only the loopback interface up; every address that is resolved or reached is recorded twice: by an audit
# hook in every Python process, and by strace over everything. Ends with status 1 when one of them is not loopback.
# Usage: run.sh [COMMAND ...]   (default: make demo, then make test)
set -euo pipefail
cd "$(dirname "$0")/../.."
logs=$(mktemp -d)
export SLUICE_TEST_NETLOG="$logs/python.tsv" PYTHONPATH="$PWD/tests/offline"
: > "$SLUICE_TEST_NETLOG"
[ $# -gt 0 ] || set -- bash -c 'make demo && make test'
status=0
# The servers that a demo leaves up are stopped inside, or strace would wait for them.
unshare -rn bash -c 'ip link set lo up
exec strace -f --seccomp-bpf -qq -e trace=%network -o "$0" \
  bash -c "\"\$@\"; status=\$?; .venv/bin/sluice down; exit \$status" bash "$@"' "$logs/strace.txt" "$@" || status=$?
.venv/bin/python tests/offline/check.py "$logs/python.tsv" "$logs/strace.txt" || status=1
exit "$status"
