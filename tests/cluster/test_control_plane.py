"""The ground that the other cluster tests stand on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cluster.controlplane.plane import VERSION, ControlPlane, KubectlFailed, program
from tests.support.waiting import eventually

pytestmark = pytest.mark.cluster


@pytest.mark.skipif("KUBEBUILDER_ASSETS" in os.environ, reason="KUBEBUILDER_ASSETS may hold another version")
def test_client_and_server_are_the_version_that_was_built(plane: ControlPlane) -> None:
    versions = json.loads(plane.kubectl("version", "--output=json"))
    assert versions["clientVersion"]["gitVersion"] == VERSION
    assert versions["serverVersion"]["gitVersion"] == VERSION


def test_what_an_object_owns_is_deleted_with_it(plane: ControlPlane, namespace: str) -> None:
    plane.kubectl("create", "configmap", "owner", "--namespace", namespace)
    uid = plane.kubectl("get", "configmap", "owner", "--namespace", namespace, "--output=jsonpath={.metadata.uid}")
    owned = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "owned",
            "namespace": namespace,
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}],
        },
    }
    plane.kubectl("apply", "-f", "-", input=json.dumps(owned))

    plane.kubectl("delete", "configmap", "owner", "--namespace", namespace)

    eventually(lambda: not plane.kubectl("get", "configmap", "owned", "-n", namespace, "--ignore-not-found"))


def test_a_service_account_may_do_nothing_until_it_is_allowed_to(plane: ControlPlane, namespace: str) -> None:
    plane.kubectl("create", "serviceaccount", "somebody", "--namespace", namespace)
    kubeconfig = plane.kubeconfig_of(namespace, "somebody")

    with pytest.raises(KubectlFailed, match="Forbidden"):
        plane.kubectl("get", "configmaps", "--namespace", namespace, kubeconfig=kubeconfig)


def test_the_api_server_comes_back_with_its_data_and_stops_without_leaving_a_process(tmp_path: Path) -> None:
    with ControlPlane(tmp_path, controller_manager=False) as plane:
        plane.kubectl("create", "configmap", "kept", "--namespace", "default")
        plane.stop_api_server()
        plane.start_api_server()
        assert (
            plane.kubectl("get", "configmap", "kept", "--namespace", "default", "--output=name") == "configmap/kept\n"
        )
        servers = list(plane.running.values())

    assert [server.name for server in servers] == ["etcd", "kube-apiserver"]
    assert all(server.process.returncode is not None for server in servers)


def test_a_server_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path)
    (tmp_path / "etcd").write_text("a file where etcd wants a directory")

    with pytest.raises(Exception, match=r"(?s)etcd ended with code 1:.*not a directory"):
        plane.start()

    assert not plane.running


def test_every_program_is_found() -> None:
    assert os.access(program("kubectl"), os.X_OK)
