"""A real node for a control plane: containerd with runc, a kubelet, and the scheduler that sends pods to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.controlplane.plane import NODE_PROGRAMS, TOP, ControlPlane, MissingProgram, program
from tests.node import machine
from tests.node.machine import BRIDGE, DISK, Machine, found, removed
from tests.support.parts import ROOT
from tests.support.processes import Server
from tests.support.waiting import eventually

PROGRAMS = ("containerd", "ctr", "runc", "containerd-shim-runc-v2")
PLUGINS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
IMAGES = TOP / ".cache" / "node"
IMAGE_FILES = ("pause.tar", "nightsort.tar")
IMAGE = "localhost/nightsort"
TAG = "test"
PAUSE = "localhost/pause:test"
NAME = "node"

CONTAINERD = """
version = 2
root = "{disk}/containerd"
state = "{directory}/state"
[grpc]
address = "{directory}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
disable_apparmor = true  # it would load a profile into the kernel that stays
restrict_oom_score_adj = true  # where this account may not go below its own
stream_server_address = "127.0.0.1"
stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "{directory}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "{snapshotter}"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"""


class Node:
    """The only node of `plane`, on a machine that runs; it ends with the machine."""

    def __init__(self, machine: Machine, plane: ControlPlane) -> None:
        self.machine = machine
        self.plane = plane
        self.directory = machine.directory
        self.scheduler: Server | None = None
        self.had_cgroups = bool(cgroups(""))

    def start(self) -> None:
        """Start it with the images in it; returns when it is ready for pods.

        Raises:
            DidNotStart: with the tail of a log. FileNotFoundError: an image is not built.
        """
        snapshotter = "overlayfs" if self.has_overlays() else "native"
        self.start_containerd(snapshotter)
        for image in IMAGE_FILES:
            self.ctr("images", "import", f"--snapshotter={snapshotter}", IMAGES / image)
        self.start_kubelet()
        self.scheduler = Server.start(
            [
                program("kube-scheduler"),
                f"--kubeconfig={self.plane.kubeconfig}",
                "--leader-elect=false",
                "--secure-port=0",
            ],
            self.directory / "kube-scheduler.log",
        )

    def stop(self) -> None:
        """End all of it at once, and the machine with it; safe to call twice."""
        if self.scheduler is not None:
            self.scheduler.stop(signal.SIGKILL)
        self.machine.stop()
        running = (self.directory / "state" / "io.containerd.runtime.v2.task" / "k8s.io").glob("*")
        for container in running:
            eventually(lambda name=container.name: all(map(removed, cgroups(name))))  # type: ignore[misc]
        if not self.had_cgroups:
            for group in cgroups(""):
                removed(group)

    def has_overlays(self) -> bool:
        """Whether files can be laid over one another here; without that every container copies its image."""
        layers = [self.directory / DISK / "overlay" / name for name in ("lower", "upper", "work", "merged")]
        lower, upper, work, merged = layers
        mount = f"mount -t overlay overlay -o lowerdir={lower},upperdir={upper},workdir={work} {merged}"
        try:
            self.machine.run("/bin/sh", "-c", f"mkdir -p {lower} {upper} {work} {merged} && {mount} && umount {merged}")
        except subprocess.CalledProcessError:
            return False
        return True

    def start_containerd(self, snapshotter: str) -> None:
        (self.directory / "cni").mkdir()
        (self.directory / "cni" / "pods.conflist").write_text(json.dumps(self.network()))
        plugins = next(place for place in PLUGINS if (place / "bridge").exists())
        config = self.directory / "containerd.toml"
        config.write_text(
            CONTAINERD.format(
                directory=self.directory,
                disk=self.directory / DISK,
                pause=PAUSE,
                plugins=plugins,
                snapshotter=snapshotter,
            )
        )
        server = self.machine.launch(found("containerd"), "--config", config)
        server.wait_until((self.directory / "containerd.sock").exists)

    def network(self) -> dict[str, Any]:
        """How pods are joined to the machine's bridge; the first addresses are the host's and the machine's."""
        first = self.machine.own_address.rpartition(".")[0] + ".10"
        range_ = {"subnet": self.machine.network, "gateway": self.machine.own_address, "rangeStart": first}
        addresses = {
            "type": "host-local",
            "dataDir": str(self.directory / "addresses"),
            "ranges": [[range_]],
            "routes": [{"dst": "0.0.0.0/0"}],
        }
        bridge = {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipam": addresses}
        return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}

    def ctr(self, *arguments: str | Path) -> str:
        return self.machine.run(
            found("ctr"), f"--address={self.directory / 'containerd.sock'}", "--namespace=k8s.io", *arguments
        )

    def start_kubelet(self) -> None:
        config = self.directory / "kubelet.yaml"
        config.write_text(yaml.safe_dump(self.kubelet_configuration()))
        server = self.machine.launch(
            program("kubelet"),
            f"--config={config}",
            f"--kubeconfig={self.plane.kubeconfig}",
            f"--root-dir={self.directory / 'kubelet'}",
            f"--cert-dir={self.directory / 'kubelet-certificates'}",
            f"--hostname-override={NAME}",
            f"--node-ip={self.machine.own_address}",
        )
        server.wait_until(self.is_ready)

    def kubelet_configuration(self) -> dict[str, Any]:
        disk_and_memory = ("memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available")
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": f"unix://{self.directory / 'containerd.sock'}",
            "address": "127.0.0.1",  # nobody asks it anything; pods' logs are read as files
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            # A machine that others manage, with either version of cgroups.
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "failCgroupV1": False,
            "failSwapOn": False,
            "makeIPTablesUtilChains": False,
            "podLogsDir": str(self.directory / "logs"),
            "volumePluginDir": str(self.directory / "volume-plugins"),
            "resolvConf": "",
            # A full disk is the host's own affair, and images that are gone cannot be pulled again.
            "evictionHard": dict.fromkeys(disk_and_memory, "0%"),
            "imageGCHighThresholdPercent": 100,
            # Pods that are killed again and again are the test, not an accident.
            "crashLoopBackOff": {"maxContainerRestartPeriod": "1s"},
            "featureGates": {"KubeletCrashLoopBackOffMax": True},
        }

    def is_ready(self) -> bool:
        path = "jsonpath={.status.conditions[?(@.type=='Ready')].status} {.spec.taints}"
        return self.plane.kubectl("get", "node", NAME, "--ignore-not-found", "-o", path).strip() == "True"

    def drain(self) -> None:
        flags = ("--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s")
        self.plane.kubectl("drain", NAME, *flags)

    def uncordon(self) -> None:
        self.plane.kubectl("uncordon", NAME)

    def kill(self, container: str) -> None:
        """`kill -9` of all that runs in a container, from outside; no return before it has ended."""
        processes = self.processes(container)
        assert processes, f"nothing runs in {container}"
        for pid in processes:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not set(processes) & set(self.processes(container)), every=0.01)

    def processes(self, container: str) -> list[int]:
        """Their ids, as this host counts them."""
        group = container.removeprefix("containerd://")
        return [int(file.parent.name) for file in Path("/proc").glob("[0-9]*/cgroup") if group in read(file)]

    def logs(self, namespace: str) -> str:
        """What the pods of a namespace have said, each after its name."""
        files = sorted((self.directory / "logs").glob(f"{namespace}_*/*/*.log"))
        return "\n".join(f"==> {file.parent.parent.name}\n{read(file)}" for file in files)


def cgroups(container: str) -> list[Path]:
    """A container's groups, in either version of the hierarchy; that of all containers for an empty name."""
    top = Path("/sys/fs/cgroup")
    places = [*top.glob("k8s.io"), *top.glob("*/k8s.io")]
    return [place / container for place in places if (place / container).is_dir()]


def read(file: Path) -> str:
    """Its text; nothing when it has gone meanwhile."""
    try:
        return file.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def parts_missing() -> list[str]:
    """What a node needs and this machine does not have."""
    if os.geteuid() != 0:
        return [ROOT]
    missing = [name for name in (*machine.PROGRAMS, *PROGRAMS) if not is_found(name)]
    if not any((place / "bridge").exists() for place in PLUGINS):
        missing.append("the plugins of CNI")
    missing += [f"{name} (`make node`)" for name in NODE_PROGRAMS if not is_built(name)]
    missing += [f"{image} (`make node`)" for image in IMAGE_FILES if not (IMAGES / image).exists()]
    if not missing and not machine.can_start():
        missing.append("the right to make namespaces")
    return missing


def is_found(name: str) -> bool:
    try:
        found(name)
    except FileNotFoundError:
        return False
    return True


def is_built(name: str) -> bool:
    try:
        program(name)
    except MissingProgram:
        return False
    return True
