#!/usr/bin/env bash
# Makes what the real node needs besides the control plane: kubelet, kube-scheduler and pause from Go modules, the images.
#
# Where it cannot be made (no root, programs missing), nothing is done: the tests say so, and in CI they fail.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

missing=()
[ "$(id -u)" = 0 ] || missing+=(root)
PATH=$PATH:/usr/sbin:/sbin
for program in containerd runc buildah debootstrap unshare ip; do
    command -v "$program" >/dev/null || missing+=("$program")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "node: nothing is built, for want of ${missing[*]}"
    exit 0
fi

"$here/../cluster/controlplane/build.sh" kubelet kube-scheduler pause
"$here/images.sh"
