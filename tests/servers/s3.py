"""A real S3 server on loopback: moto's, which keeps its buckets in memory."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import obstore
from obstore.store import S3Store

from tests.support.processes import Server, free_ports

KEYS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "very-secret-key"}


@contextmanager
def s3() -> Iterator[str]:
    """The endpoint of a new server; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="nightsort-s3-") as directory:
        (port,) = free_ports(1)
        endpoint = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        with Server.start(command, Path(directory) / "s3.log", env={**os.environ, "HOME": directory}) as server:
            server.wait_until(lambda: answers(endpoint))
            yield endpoint


def answers(endpoint: str) -> bool:
    try:
        ask("GET", f"{endpoint}/moto-api/")
    except OSError:
        return False
    return True


def ask(method: str, url: str, body: bytes | None = None) -> None:
    request = urllib.request.Request(url, data=body, method=method, headers={"Content-Type": "text/plain"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


@contextmanager
def refusing(endpoint: str) -> Iterator[None]:
    """For the time of the block the server looks at signatures, and knows none of the keys."""
    ask("POST", f"{endpoint}/moto-api/reset-auth", b"0")
    try:
        yield
    finally:
        ask("POST", f"{endpoint}/moto-api/reset-auth", b"inf")


@dataclass(frozen=True)
class Bucket:
    """A bucket with what its owner does; `options` is what a Secret would hold."""

    endpoint: str
    name: str
    store: S3Store = field(repr=False)

    @property
    def options(self) -> dict[str, str]:
        return {**KEYS, "endpoint": self.endpoint}

    def put(self, name: str, content: bytes) -> None:
        obstore.put(self.store, name, content)

    def get(self, name: str) -> bytes:
        return bytes(obstore.get(self.store, name).bytes())

    def delete(self, name: str) -> None:
        obstore.delete(self.store, name)

    def names(self) -> list[str]:
        return sorted(found["path"] for chunk in obstore.list(self.store) for found in chunk)


def fresh_bucket(endpoint: str) -> Bucket:
    name = f"bucket-{secrets.token_hex(6)}"
    ask("PUT", f"{endpoint}/{name}")
    store = S3Store(
        name,
        endpoint=endpoint,
        region="us-east-1",
        access_key_id=KEYS["access_key_id"],
        secret_access_key=KEYS["secret_access_key"],
        client_options={"allow_http": True},
    )
    return Bucket(endpoint, name, store)
