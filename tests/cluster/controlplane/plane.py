"""A real Kubernetes control plane on loopback: etcd, kube-apiserver and kube-controller-manager, without nodes.

Used by the cluster tests and by the demo; ready in a few seconds once `make control-plane` has built the programs.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.processes import Server, free_ports
from tests.support.waiting import eventually

VERSION = "v1.37.2"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm")
NODE_PROGRAMS = ("kubelet", "kube-scheduler", "pause")
TOP = Path(__file__).resolve().parents[3]


class MissingProgram(Exception):
    """A program of the control plane is not built; the message says how to build it."""


class KubectlFailed(Exception):
    """kubectl ended with an error; the message is what it printed."""


def program(name: str) -> Path:
    """Where one of PROGRAMS or NODE_PROGRAMS stands: in KUBEBUILDER_ASSETS, or where build.sh has put it.

    Raises:
        MissingProgram: in neither place.
    """
    built = os.environ.get("NIGHTSORT_CONTROL_PLANE") or TOP / ".cache" / "control-plane" / VERSION
    places = [Path(place) for place in (os.environ.get("KUBEBUILDER_ASSETS"), built) if place]
    for place in places:
        if os.access(place / name, os.X_OK):
            return place / name
    target = "node" if name in NODE_PROGRAMS else "control-plane"
    raise MissingProgram(f"{name} is in none of {', '.join(map(str, places))}: run `make {target}`")


def new_signing_key() -> str:
    """A private key for service account tokens: P-256 as SEC 1 (RFC 5915) writes it, in PEM.

    The public half is left out, as the format allows: Go computes it. So neither openssl nor a library is needed.
    """
    scalar = bytes([0x7F]) + secrets.token_bytes(31)  # below the order of the curve, whatever the random part
    der = bytes.fromhex("30310201010420") + scalar + bytes.fromhex("a00a06082a8648ce3d030107")
    return f"-----BEGIN EC PRIVATE KEY-----\n{base64.encodebytes(der).decode()}-----END EC PRIVATE KEY-----\n"


class ControlPlane:
    """The servers, from `start` to `stop` or as a context manager.

    directory: holds data, keys and logs (etcd.log, kube-apiserver.log, …); private to this control plane.
    controller_manager: garbage collection, namespaces, service accounts, CronJobs. Without it the start is faster.
    crds: manifests applied before the controller-manager starts, whose garbage collector looks for new kinds only
        every 30 s.
    api_server_flags: further ones, for an audit log or other admission.
    address: where the API server listens; another one of this machine's where pods are to reach it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        controller_manager: bool = True,
        crds: Path | None = None,
        api_server_flags: Sequence[str] = (),
        address: str = "127.0.0.1",
    ) -> None:
        self.directory = directory
        self.controller_manager = controller_manager
        self.crds = crds
        self.api_server_flags = api_server_flags
        self.etcd_port, self.etcd_peer_port, self.port = free_ports(3)
        self.address = address
        self.url = f"https://{address}:{self.port}"
        self.token = secrets.token_hex(16)
        self.ca_file = directory / "certificates" / "apiserver.crt"
        self.kubeconfig = directory / "admin.kubeconfig"
        self.signing_key = directory / "service-accounts.key"
        self.tokens_file = directory / "tokens.csv"
        self.running: dict[str, Server] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and return when requests are answered.

        Raises:
            MissingProgram: not built yet. DidNotStart: with the tail of the log.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self.signing_key.write_text(new_signing_key())
        self.tokens_file.write_text(f'{self.token},admin,admin,"system:masters"\n')
        try:
            self.start_etcd()
            self.start_api_server()
            self.write_kubeconfig(self.kubeconfig, self.token)
            if self.crds is not None:
                self.apply_crds(self.crds)
            if self.controller_manager:
                self.start_controller_manager()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every server, the last one first; safe to call twice."""
        while self.running:
            _, server = self.running.popitem()
            server.stop()

    def start_etcd(self) -> None:
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{self.etcd_peer_port}"
        server = self.launch(
            "etcd",
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",  # the data lives as long as the test
            "--log-level=warn",
        )
        server.wait_until(lambda: answers(f"{client}/health"))

    def start_api_server(self) -> None:
        """Start kube-apiserver, for the first time or again with the same address, data and tokens."""
        server = self.launch(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            f"--secure-port={self.port}",
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            "--endpoint-reconciler-type=none",  # with any other a loopback address is refused
            f"--cert-dir={self.ca_file.parent}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.signing_key}",
            f"--service-account-signing-key-file={self.signing_key}",
            "--service-cluster-ip-range=10.0.0.0/24",
            f"--token-auth-file={self.tokens_file}",
            "--authorization-mode=RBAC",
            "--anonymous-auth=false",
            "--allow-privileged",
            *self.api_server_flags,
        )
        server.wait_until(self.is_ready)

    def stop_api_server(self) -> None:
        """Take kube-apiserver away at once, as a crash does; the data stays for `start_api_server`."""
        self.running.pop("kube-apiserver").stop(signal.SIGKILL)

    def start_controller_manager(self) -> None:
        server = self.launch(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={self.signing_key}",
            f"--root-ca-file={self.ca_file}",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--secure-port=0",  # nobody asks it anything
        )
        # Its first visible deed. What it does later (garbage collection) follows within a second or two.
        server.wait_until(lambda: bool(self.kubectl("get", "serviceaccount", "default", "--ignore-not-found")))

    def launch(self, name: str, *flags: str) -> Server:
        self.running[name] = Server.start([program(name), *flags], self.directory / f"{name}.log")
        return self.running[name]

    def is_ready(self) -> bool:
        return self.ca_file.exists() and answers(f"{self.url}/readyz", self.ca_file, self.token)

    def apply_crds(self, crds: Path) -> None:
        """Apply and wait until they are served; `kubectl wait` itself stumbles over one that has no status yet."""
        self.kubectl("apply", "--server-side", "-f", str(crds))
        eventually(self.are_established)

    def delete_crds(self, *names: str) -> None:
        """Delete those that are there, and wait until they are gone.

        The API server now and then leaves the deletion of a CRD that was made a moment ago undone, until its resync
        some minutes later or until anything about the CRD changes: one in about 25, with an idle server.
        """
        self.kubectl("delete", "crd", *names, "--ignore-not-found", "--wait=false")
        changes = count()

        def are_gone() -> bool:
            if not self.kubectl("get", "crd", *names, "--ignore-not-found", "-o", "name"):
                return True
            self.kubectl("annotate", "crd", *names, f"look={next(changes)}", "--overwrite", check=False)
            return False

        eventually(are_gone, 60, every=0.5)

    def are_established(self) -> bool:
        crds = json.loads(self.kubectl("get", "crd", "-o", "json"))["items"]
        conditions = [(crd.get("status") or {}).get("conditions") or () for crd in crds]
        return all(any(one["type"] == "Established" and one["status"] == "True" for one in each) for each in conditions)

    def kubectl(
        self, *arguments: str, input: str | None = None, check: bool = True, kubeconfig: Path | None = None
    ) -> str:
        """What `kubectl ARGUMENTS` prints; with check=False that includes its errors.

        Raises:
            KubectlFailed: it failed and `check` is set.
        """
        ended = subprocess.run(
            [
                program("kubectl"),
                f"--kubeconfig={kubeconfig or self.kubeconfig}",
                f"--cache-dir={self.directory / 'kubectl-cache'}",
                *arguments,
            ],
            input=input,
            text=True,
            capture_output=True,
            check=False,
        )
        if check and ended.returncode != 0:
            raise KubectlFailed(f"kubectl {' '.join(arguments)}: {ended.stderr.strip()}")
        return ended.stdout if check else ended.stdout + ended.stderr

    def kubeconfig_of(self, namespace: str, service_account: str) -> Path:
        """A kubeconfig with a fresh token of a service account: the way to see what RBAC allows it."""
        token = self.kubectl("create", "token", service_account, "--namespace", namespace).strip()
        path = self.directory / f"{namespace}-{service_account}.kubeconfig"
        self.write_kubeconfig(path, token)
        return path

    def write_kubeconfig(self, path: Path, token: str) -> None:
        authority = base64.b64encode(self.ca_file.read_bytes()).decode()
        path.touch(mode=0o600)
        path.write_text(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n"
            f"clusters: [{{name: test, cluster: {{server: '{self.url}', certificate-authority-data: {authority}}}}}]\n"
            f"users: [{{name: test, user: {{token: '{token}'}}}}]\n"
            "contexts: [{name: test, context: {cluster: test, user: test}}]\n"
        )


def answers(url: str, ca_file: Path | None = None, token: str = "") -> bool:
    """Whether a GET succeeds now."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        context = ssl.create_default_context(cafile=ca_file) if ca_file else None
        with urllib.request.urlopen(request, timeout=5, context=context):
            return True
    except (OSError, urllib.error.URLError):
        return False
