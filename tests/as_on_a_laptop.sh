#!/usr/bin/env bash
# Runs pytest as a machine would that lacks MariaDB, Prometheus, Chromium and root, and demands that exactly these parts
# are missed and named at the end. Needs root: the programs are covered in a mount namespace of this run's own, and in a
# user namespace this account is nobody, though its files stay its own.
#
#   as_on_a_laptop.sh TESTS...
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

if [ "${COVERED:-}" != yes ]; then
    COVERED=yes exec unshare --mount --propagation private "$0" "$@"
fi
for program in mariadbd prometheus promtool chromium chromium-browser google-chrome; do
    for path in $(type -ap "$program"); do
        mount --bind /dev/null "$(readlink -f "$path")"
    done
done
said=$(mktemp)
trap 'rm -f "$said"' EXIT
env -u CI -u COVERED unshare --user --map-user="$(id -u nobody)" --map-group="$(id -g nobody)" .venv/bin/python -m pytest "$@" | tee "$said"
for part in mariadbd prometheus chromium root; do
    grep -qE "^[0-9]+ tests? left out for want of $part$" "$said" ||
        { echo "as on a laptop: nothing was left out for want of $part" >&2; exit 1; }
done
tail -n 1 "$said" | grep -q 'make test-deps' || { echo "as on a laptop: the last line names no remedy" >&2; exit 1; }
