#!/usr/bin/env bash
# Whether the locked requirements install by their hashes with the pip of Debian 12, the newest pip and uv. They are
# resolved and fetched in an empty environment each; nothing is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
for installer in pip==23.0.1 pip uv; do
    bin=$place/$installer/bin
    "${PYTHON:-python3}" -m venv "$place/$installer"
    "$bin/pip" install --quiet --disable-pip-version-check --upgrade "$installer"
    install=("$bin/pip" install --disable-pip-version-check)
    [ "$installer" != uv ] || install=("$bin/uv" pip install --python "$bin/python")
    for lock in requirements.txt requirements-dev.txt requirements-build.txt; do
        "${install[@]}" --quiet --dry-run --require-hashes --requirement "$lock" >"$place/said" 2>&1 ||
            { cat "$place/said"; echo "locks: $installer refuses $lock" >&2; exit 1; }
    done
    echo "locks: $("$bin/${installer%%=*}" --version | cut -d' ' -f1,2) takes all three"
done
