#!/usr/bin/env bash
# Builds the images for the node's tests, without a registry and without a Docker daemon: the operator's from the
# Dockerfile, on a base of the distribution's own packages, and pause. Needs root, buildah and debootstrap.
#
# They land as archives in .cache/node/ of the clone. Bases, and images by the digest of what they are built from, are
# also kept for this user (~/.cache/nightsort/node); what has not been used for a week is removed there.
set -euo pipefail

# In a mount namespace of its own, so that nothing stays mounted however this ends.
[ "${1:-}" = inside ] || exec unshare --mount "$0" inside

top=$(cd "$(dirname "$0")/../.." && pwd)
target=$top/.cache/node
kept=${XDG_CACHE_HOME:-${HOME:-$top}/.cache}/nightsort/node
sources=(Dockerfile .dockerignore LICENSE README.md pyproject.toml requirements.txt requirements-build.txt operator)
pause=$("${PYTHON:-python3}" -c "import sys; sys.path.insert(0, '$top')
from tests.cluster.controlplane.plane import program; print(program('pause'))")

# shellcheck source=/dev/null
. /etc/os-release
suite=${VERSION_CODENAME:-bookworm}

mkdir -p "$target" "$kept"
work=$(mktemp -d "$kept/work.XXXXXX")
# Thousands of files are written several times: in memory, where there is enough of it.
if [ "$(awk '/^MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)" -ge 8 ]; then
    mount -t tmpfs -o mode=700 work "$work"
fi
clean_up() {
    local place
    for place in $(awk -v work="$work/" 'index($2, work) == 1 {print $2}' /proc/self/mounts | sort -r); do
        umount --lazy "$place" || true
    done
    umount --lazy "$work" 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT
find "$kept" -maxdepth 1 \( -name '*.tar*' -mtime +7 -o -name '*.part' -mmin +60 \) -delete
find "$kept" -maxdepth 1 -name 'work.*' -mmin +240 -exec rm -rf --one-file-system {} +

digest() { # what it reads
    sha256sum | cut -c 1-16
}

# The packages come from where this host's own come from.
make_base() { # FILE
    local mirror components=main proxy=
    mirror=$(apt-get indextargets --format '$(SITE)' "Codename: $suite" 'Component: main' 2>/dev/null | grep -m 1 ^http || true)
    [ "$ID" != ubuntu ] || components=main,universe
    eval "$(apt-config shell proxy Acquire::http::Proxy 2>/dev/null || true)"
    echo "node: making a base image of packages of $suite (about a minute)"
    ${proxy:+env http_proxy="$proxy"} debootstrap --variant=minbase --components="$components" \
        --include=python3,python3-venv,ca-certificates "$suite" "$work/base" $mirror >"$work/debootstrap.log" 2>&1 ||
        { tail -20 "$work/debootstrap.log" >&2; return 1; }
    rm -rf "$work"/base/var/cache/apt/archives/*.deb "$work"/base/var/lib/apt/lists/*
    tar -C "$work/base" -c . | gzip -1 >"$work/base.tar.gz"
    mv "$work/base.tar.gz" "$1.$$.part"
    mv "$1.$$.part" "$1"
    rm -rf "$work/base"
}

# Where this host reaches its package index by settings of its own, the build is handed the same, and the image keeps
# none of them: files read only, variables for as long as it is built.
settings=()
hand_in() { # FILE [WHERE]
    [ ! -e "$1" ] || settings+=(--volume "$(readlink -f "$1"):${2:-$1}:ro")
}
find_settings() {
    local name home
    home=$(getent passwd 0 | cut -d: -f6) # that of root, here as in the image
    for name in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/xdg/pip /etc/ssl/certs; do hand_in "$name"; done
    for name in .config/pip .pip .netrc; do hand_in "${HOME:-$home}/$name" "$home/$name"; done
    for name in $(compgen -e); do
        case $name in
            PIP_INDEX_URL | PIP_EXTRA_INDEX_URL | PIP_NO_INDEX | PIP_FIND_LINKS | PIP_TRUSTED_HOST | PIP_PROXY | \
                PIP_CERT | PIP_CLIENT_CERT | PIP_CONFIG_FILE | PIP_DEFAULT_TIMEOUT | PIP_RETRIES | \
                SSL_CERT_FILE | SSL_CERT_DIR | REQUESTS_CA_BUNDLE | CURL_CA_BUNDLE | \
                http_proxy | https_proxy | no_proxy | HTTP_PROXY | HTTPS_PROXY | NO_PROXY)
                settings+=(--env "$name=${!name}" --unsetenv "$name")
                case ${!name} in
                    /etc/ssl/certs* | /etc/pip.conf) ;; # handed in above
                    /*) hand_in "${!name}" ;;
                esac
                ;;
        esac
    done
    # A host that installs with uv may have its index in uv's words only.
    if [ -z "${PIP_INDEX_URL:-}" ] && [ -n "${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-}}" ]; then
        settings+=(--env "PIP_INDEX_URL=${UV_DEFAULT_INDEX:-$UV_INDEX_URL}" --unsetenv PIP_INDEX_URL)
    fi
}

# Laying files over one another is quicker than copying them, where the file system can do it.
driver=vfs
buildah() {
    BUILDAH_ISOLATION=chroot command buildah --root "$work/storage-$driver" --runroot "$work/run-$driver" \
        --storage-driver "$driver" "$@"
}
driver=overlay
buildah info >"$work/info.log" 2>&1 || driver=vfs

import() { # IMAGE FILE WHERE: an image of nothing but that
    local container
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$2" "$3" >/dev/null
    buildah config --entrypoint "[\"$3\"]" "$container"
    buildah commit --quiet --rm "$container" "$1" >/dev/null
}

export_as() { # IMAGE FILE
    buildah push --quiet "$1" "oci-archive:$work/image.tar:$1"
    mv "$work/image.tar" "$2.$$.part"
    mv "$2.$$.part" "$2"
}

give() { # FILE NAME: it stands in the clone under that name, and counts as used
    touch "$1"
    ln -f "$1" "$target/$2" 2>/dev/null || cp "$1" "$target/$2"
}

base=$kept/base-$suite-$(uname -m).tar.gz
image=$kept/nightsort-$(cd "$top" && {
    echo "$base"
    tar -c --sort=name --mtime=@0 --owner=0 --group=0 --exclude=__pycache__ "${sources[@]}"
} | digest).tar
small=$kept/pause-$(digest <"$pause").tar

if [ ! -e "$small" ]; then
    import localhost/pause:test "$pause" /pause
    export_as localhost/pause:test "$small"
fi
give "$small" pause.tar

if [ ! -e "$image" ]; then
    [ -e "$base" ] || make_base "$base"
    touch "$base"
    started=$SECONDS
    echo "node: building the operator's image (about a minute)"
    import localhost/base:test "$base" /
    find_settings
    buildah bud --quiet --pull=false --build-arg BASE=localhost/base:test "${settings[@]}" \
        --tag localhost/nightsort:test "$top" >"$work/bud.log" 2>&1 || { tail -40 "$work/bud.log" >&2; exit 1; }
    export_as localhost/nightsort:test "$image"
    echo "node: built in $((SECONDS - started)) s"
fi
give "$image" nightsort.tar
