"""A real node for a control plane: containerd with runc, a kubelet, and the scheduler that sends pods to it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.controlplane.plane import TOP, ControlPlane, program
from tests.node.machine import Machine, found, run
from tests.processes import Server
from tests.waiting import eventually

PROGRAMS = ("containerd", "ctr", "runc", "containerd-shim-runc-v2")
PLUGINS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
IMAGES = TOP / ".cache" / "node"
IMAGE = "localhost/nightsort"
TAG = "test"
PAUSE = "localhost/pause:test"
NAME = "node"

CONTAINERD = """
version = 2
root = "{directory}/containerd"
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

    def start(self) -> None:
        """Start it with the images in it; returns when it is ready for pods.

        Raises:
            DidNotStart: with the tail of a log. FileNotFoundError: an image is not built.
        """
        snapshotter = "overlayfs" if self.has_overlays() else "native"
        self.start_containerd(snapshotter)
        for image in ("pause.tar", "nightsort.tar"):
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
        """End what runs outside of the machine."""
        if self.scheduler is not None:
            self.scheduler.stop()

    def has_overlays(self) -> bool:
        """Whether files can be laid over one another here; without that every container copies its image."""
        layers = [self.directory / "overlay" / name for name in ("lower", "upper", "work", "merged")]
        for layer in layers:
            layer.mkdir(parents=True)
        lower, upper, work, merged = layers
        script = f"mount -t overlay overlay -o lowerdir={lower},upperdir={upper},workdir={work} {merged}"
        try:
            self.machine.run("sh", "-c", f"{script} && umount {merged}")
        except OSError:
            raise
        except Exception:  # noqa: BLE001 - whatever the reason is, there is another way
            return False
        return True

    def start_containerd(self, snapshotter: str) -> None:
        network = {
            "cniVersion": "0.4.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": "pods",
                    "isGateway": True,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": str(self.directory / "addresses"),
                        "ranges": [[{"subnet": self.machine.network, "gateway": self.machine.own_address}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                }
            ],
        }
        # The host's own address is taken, which the plugin cannot know.
        network["plugins"][0]["ipam"]["ranges"][0][0]["rangeStart"] = self.machine.own_address[:-1] + "10"  # type: ignore[index]
        (self.directory / "cni").mkdir()
        (self.directory / "cni" / "pods.conflist").write_text(json.dumps(network))
        plugins = next(place for place in PLUGINS if (place / "bridge").exists())
        config = self.directory / "containerd.toml"
        config.write_text(
            CONTAINERD.format(directory=self.directory, pause=PAUSE, plugins=plugins, snapshotter=snapshotter)
        )
        server = self.machine.launch(found("containerd"), "--config", config)
        server.wait_until(lambda: (self.directory / "containerd.sock").exists())

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
            "cgroupRoot": f"/{self.machine.name}",
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


def read(file: Path) -> str:
    """Its text; nothing when it has gone meanwhile."""
    try:
        return file.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def parts_missing() -> list[str]:
    """What a node needs and this machine does not have."""
    missing = [] if os.geteuid() == 0 else ["root"]
    for name in PROGRAMS:
        try:
            found(name)
        except FileNotFoundError:
            missing.append(name)
    if not any((place / "bridge").exists() for place in PLUGINS):
        missing.append("containernetworking-plugins")
    missing += [f"{image} (make node)" for image in ("pause.tar", "nightsort.tar") if not (IMAGES / image).exists()]
    return missing
