"""Tickets from a bucket and rows back into it, on the real API server and a real S3 server."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bench import NIGHTSORT, User, batch, condition, reason
from tests.servers.s3 import KEYS, Bucket

pytestmark = pytest.mark.cluster

OWN = {"AWS_ACCESS_KEY_ID": KEYS["access_key_id"], "AWS_SECRET_ACCESS_KEY": KEYS["secret_access_key"]}
EXAMPLE = Path(__file__).parents[2] / "examples" / "object-store.yaml"


def lines(first: int, last: int) -> bytes:
    tickets = ({"id": f"T-{number}", "subject": "Help", "body": "My invoice is wrong"} for number in range(first, last))
    return "".join(json.dumps(ticket) + "\n" for ticket in tickets).encode()


def rows(bucket: Bucket, folder: str) -> dict[str, Any]:
    """The rows by ticket id, as the index leads to them; fails when an id has two."""
    index = json.loads(bucket.get(f"{folder}/index.json"))
    found = [
        json.loads(line) for one in index["objects"] for line in bucket.get(f"{folder}/{one['name']}").splitlines()
    ]
    by_id = {row["id"]: row for row in found}
    assert len(by_id) == len(found), "one row for each ticket"
    return by_id


def test_the_example_labels_the_tickets_of_a_bucket_into_the_bucket(user: User, s3_bucket: Bucket) -> None:
    for number in range(3):
        packed = gzip.compress(lines(number * 100, number * 100 + 100))
        s3_bucket.put(f"2026-11-22/tickets-{number}.jsonl.gz", packed)
    example = EXAMPLE.read_text().replace("s3://support-tickets/", f"s3://{s3_bucket.name}/")
    example = example.replace("# endpoint: https://minio.storage.svc:9000", f"endpoint: {s3_bucket.endpoint}")

    user.kubectl("apply", "-f", "-", input=example)
    status = user.finished("tickets-objects")["status"]

    assert condition(status, "Complete") == "True"
    assert status["results"]["objectStore"] == f"s3://{s3_bucket.name}/results/tickets-objects/"
    found = rows(s3_bucket, "results/tickets-objects")
    assert {row["category"] for row in found.values()} == {"billing"}
    assert set(found) == {f"T-{number}" for number in range(300)}
    summary = json.loads(s3_bucket.get("results/tickets-objects/summary.json"))
    assert (summary["tickets"], summary["categories"]) == (300, {"billing": 300})
    read_back = results(user, "tickets-objects", AWS_ENDPOINT_URL=s3_bucket.endpoint, **OWN)
    assert {json.loads(line)["id"] for line in read_back.stdout.splitlines()} == set(found)
    refused = results(user, "tickets-objects")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"to read the rows in {status['results']['objectStore']}, set AWS_ACCESS_KEY_ID" in refused.stderr


def results(user: User, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a person with these credentials of a store gets."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [*NIGHTSORT, "results", name, "-n", user.namespace, "-o", "jsonl"],
        env={**kept, "KUBECONFIG": str(user.plane.kubeconfig), **variables},
        text=True,
        capture_output=True,
        check=False,
    )


def source(bucket: Bucket) -> dict[str, Any]:
    return {"objectStore": {"url": f"s3://{bucket.name}/tickets-*.jsonl", "secretRef": {"name": "s3"}}}


def test_an_export_that_comes_later_is_waited_for(user: User, s3_bucket: Bucket) -> None:
    user.secret("s3", **s3_bucket.options)
    user.apply(batch("later", source(s3_bucket)))
    status = user.told("later", lambda status: reason(status) == "SourceMissing")
    assert condition(status, "Reconciling") == "True"

    s3_bucket.put("tickets-1.jsonl", lines(1, 3))

    assert condition(user.finished("later")["status"], "Complete") == "True"
    assert set(user.rows("later-results")) == {"T-1", "T-2"}


def test_an_endpoint_that_the_administrator_has_not_allowed_is_not_reached(user: User, s3_bucket: Bucket) -> None:
    user.secret("s3", **{**s3_bucket.options, "endpoint": s3_bucket.endpoint.replace("127.0.0.1", "localhost")})
    user.apply(batch("elsewhere", source(s3_bucket)))
    status = user.told("elsewhere", lambda status: reason(status) == "StoreNotAllowed")
    assert condition(status, "Stalled") == "True"
    assert not [value for value in s3_bucket.options.values() if value in json.dumps(status)]
