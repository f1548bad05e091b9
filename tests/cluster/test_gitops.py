"""GitOps on the real API server: no drift, and prune, force, replace and recreate do what docs/gitops.md says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.bench import SimulatedApi, User, batch, condition, inline
from tests.cluster.controlplane.plane import TOP, KubectlFailed, program
from tests.support.gitops import argo_cd, flux, kstatus
from tests.support.histories import distinct
from tests.support.processes import Server
from tests.support.waiting import eventually

pytestmark = pytest.mark.cluster

TICKETS = inline("I was charged twice")


@contextmanager
def watching(user: User, folder: Path) -> Iterator[Path]:
    """Everything that a watch of the namespace's resources shows meanwhile, as JSON documents one after the other."""
    log = folder / "watch.json"
    where = (f"--kubeconfig={user.plane.kubeconfig}", "-n", user.namespace)
    with Server.start([program("kubectl"), *where, "get", "cb", "-o", "json", "--watch"], log):
        yield log


def documents(text: str) -> list[Any]:
    decoder, found, at = json.JSONDecoder(), [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        document, at = decoder.raw_decode(text, at)
        found.append(document)
    return found


def bought(api: SimulatedApi, status: Any) -> list[Any]:
    return api.batches({one["id"] for one in status.get("batches", ()) if one.get("id")})


def test_tools_see_a_real_life_go_from_in_progress_to_current(user: User, tmp_path: Path) -> None:
    with watching(user, tmp_path) as log:
        user.apply(batch("watched", TICKETS))
        user.finished("watched")
        eventually(lambda: '"Complete"' in log.read_text())

    seen = documents(log.read_text())
    with_status = [one for one in seen if one.get("status")]
    assert distinct([kstatus(one) for one in with_status]) == ["InProgress", "Current"]
    assert distinct([argo_cd(one)[0] for one in seen]) == ["Progressing", "Healthy"]
    assert distinct([flux(one) for one in with_status]) == ["InProgress", "Current"]


def test_nothing_drifts_during_and_after_a_life(user: User) -> None:
    given = yaml.safe_dump(batch("steady", TICKETS))
    user.kubectl("apply", "-f", "-", input=given)
    user.told("steady", lambda status: bool(status.get("batches")))

    assert user.kubectl("diff", "-f", "-", input=given) == ""
    user.finished("steady")
    assert user.kubectl("diff", "-f", "-", input=given) == ""
    assert "unchanged" in user.kubectl("apply", "-f", "-", input=given)


def test_server_side_apply_by_another_manager_meets_no_conflict(user: User) -> None:
    flags = ("--server-side", "--field-manager=argocd-controller", "-f", "-")
    user.kubectl("apply", *flags, input=yaml.safe_dump(batch("applied", TICKETS)))
    user.finished("applied")

    again = yaml.safe_dump(batch("applied", TICKETS, pollIntervalSeconds=30))

    assert "serverside-applied" in user.kubectl("apply", *flags, input=again)
    assert user.kubectl("diff", *flags, input=again) == ""


def test_replace_buys_nothing_anew(user: User, api: SimulatedApi) -> None:
    """`kubectl replace` and Argo CD's Replace=true drop labels, annotations and finalizers of others; the uid stays."""
    given = yaml.safe_dump(batch("replaced", TICKETS))
    user.kubectl("create", "-f", "-", input=given)
    user.told("replaced", lambda status: bool(bought(api, status)))

    user.kubectl("replace", "-f", "-", input=given)
    status = user.finished("replaced")["status"]
    user.kubectl("replace", "-f", "-", input=given)

    [once] = bought(api, user.told("replaced", lambda _: True))
    assert once["paid"] == 1
    assert condition(status, "Complete") == "True"


def test_force_and_recreate_are_a_new_purchase_with_results_of_its_own(user: User, api: SimulatedApi) -> None:
    user.apply(batch("forced", TICKETS))
    first = user.finished("forced")
    other = yaml.safe_dump(batch("forced", inline("The app crashes")))
    with pytest.raises(KubectlFailed, match="is immutable"):
        user.kubectl("apply", "-f", "-", input=other)

    user.kubectl("replace", "--force", "-f", "-", input=other)
    second = user.finished("forced", seconds=90)

    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    assert len(bought(api, first["status"]) + bought(api, second["status"])) == 2
    assert user.rows("forced-results")["1"]["category"] == "technical"


def test_prune_of_what_has_ended_takes_its_results_along(user: User) -> None:
    user.apply(batch("kept", TICKETS), batch("pruned", TICKETS))
    user.finished("kept")
    user.finished("pruned")

    desired = yaml.safe_dump({**batch("kept", TICKETS), "metadata": {"name": "kept", "labels": {"set": "one"}}})
    user.kubectl("label", "cb", "--all", "set=one")
    flags = ("--prune", "-l", "set=one", "--prune-allowlist=nightsort.dev/v1alpha1/ClassificationBatch")
    user.kubectl("apply", *flags, "-f", "-", input=desired)

    assert user.kubectl("get", "cb", "-o", "name") == "classificationbatch.nightsort.dev/kept\n"
    user.kubectl("wait", "--for=delete", "--timeout=60s", "configmap/pruned-results")


def test_the_example_repository_is_what_the_api_server_takes(user: User) -> None:
    folder = TOP / "examples" / "gitops" / "apps" / "support"
    rendered = user.plane.kubectl("kustomize", str(folder)).replace(
        "namespace: support", f"namespace: {user.namespace}"
    )

    assert "created (server dry run)" in user.kubectl("apply", "--dry-run=server", "-f", "-", input=rendered)
