#!/usr/bin/env bash
# Installs what tests need besides Python packages and Go modules: MariaDB, Prometheus and Chromium, and with `node` the
# parts of a real node. From the distribution (Debian, Ubuntu and relatives), by root or through sudo; what is there
# stays as it is.
#
#   install_test_deps.sh [node]
set -euo pipefail

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
packages=()
lacks() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null || packages+=("$2")
}
lacks mariadbd mariadb-server
lacks promtool prometheus
command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || lacks chromium chromium
if [ "${1:-}" = node ]; then
    lacks containerd containerd
    lacks runc runc
    lacks buildah buildah
    lacks debootstrap debootstrap
    lacks ip iproute2
    [ -x /usr/lib/cni/bridge ] || [ -x /opt/cni/bin/bridge ] || packages+=(containernetworking-plugins)
fi
[ ${#packages[@]} -gt 0 ] || { echo "test-deps: all is here"; exit 0; }

as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "test-deps: missing, and only root can install: ${packages[*]}" >&2; exit 1; }
    as_root=(sudo)
fi
command -v apt-get >/dev/null ||
    { echo "test-deps: there is no apt-get; install what your system calls ${packages[*]}" >&2; exit 1; }

# The tests start their own servers: keep the packages from starting any (Debian policy 9.3.3.1).
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod +x $policy
    trap '"${as_root[@]}" rm -f $policy' EXIT
fi
echo "test-deps: installing ${packages[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}"
