"""Folders of object stores: the policy, opening, and the listing, reading and putting of objects.

All calls block; they are for threads. Only this module and `object_errors` use obstore.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotSupportedError, PermissionDeniedError
from obstore.store import AzureStore, GCSStore, LocalStore, S3Store

from nightsort.adapters.object_store.errors import interruption, status_in
from nightsort.adapters.object_store.options import ENDPOINT_REFUSED, StorePolicy, account_of, authority_of, checked
from nightsort.domain.errors import Rejected, Stalled
from nightsort.domain.reasons import Reason
from nightsort.system.files import flush_file

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
READ_BYTES = 256 * 1024
PART_BYTES = 8 * 1024 * 1024
"""A cloud takes at most 10,000 parts of an object, which gives 80 GB."""
PARTS_AT_ONCE = 2
MOST_LISTED = 1_000_000
"""Objects of a folder that are listed, a thousand in an answer: a server may list without an end."""
UNKNOWN_REQUEST = 501
# The whole transfer may take long, since a body may be read slowly; silence may not.
CLIENT: ClientConfig = {
    "connect_timeout": timedelta(seconds=10),
    "read_timeout": timedelta(seconds=60),
    "timeout": timedelta(hours=2),
    "user_agent": "nightsort",
}
RETRY: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}

NAME_NEARER = "name a folder with fewer"
Store = S3Store | GCSStore | AzureStore | LocalStore


class Folder:
    """The objects below one folder of a bucket, by their names in it; `place` begins every message."""

    def __init__(
        self,
        url: str,
        options: Mapping[str, str],
        policy: StorePolicy,
        *,
        place: str,
        rights: str,
        make: bool = False,
    ) -> None:
        """`url` is scheme, bucket and folder; `rights` says what the credentials must allow. Connects to nothing yet.

        Raises:
            Rejected: the URL can never work here. Stalled: the policy forbids it, or an option cannot be used.
        """
        self.scheme, _, rest = url.partition("://")
        self._bucket, _, path = rest.partition("/")
        self.path = path.removesuffix("/")
        self.place, self._rights, self._make = place, rights, make
        self._check_url(policy)
        self._options = checked(self.scheme, options, policy, self.stalled)
        self._policy = policy
        self._opened: Store | None = None

    @property
    def _at(self) -> str:
        if self.scheme == "file":
            return ""
        endpoint = self._options.get("endpoint")
        return f" at {authority_of(endpoint)}" if endpoint else f" of {self.scheme}://{self._bucket}"

    def stalled(self, message: str, reason: Reason) -> Stalled:
        return Stalled(f"{self.place}: {message}", reason=reason)

    def _check_url(self, policy: StorePolicy) -> None:
        if self.scheme not in policy.schemes:
            allowed = ", ".join(f"{scheme}://" for scheme in sorted(policy.schemes))
            raise Rejected(
                f"{self.place}: the URL's scheme is not for here; allowed: {allowed}", reason=Reason.INVALID_URL
            )
        refuse_control_characters(self.path, self.place)
        if self.path and set(self.path.split("/")) & {"", ".", ".."}:
            raise Rejected(f"{self.place}: the URL has an empty part, or one of dots", reason=Reason.INVALID_URL)
        if self.scheme != "file" and not policy.allows_bucket(self.scheme, self._bucket):
            raise self.stalled(
                f"the bucket {self.scheme}://{self._bucket} is not among those that the operator's settings allow "
                "(NIGHTSORT_OBJECT_STORE_BUCKETS)",
                Reason.STORE_NOT_ALLOWED,
            )

    def names(self, after: str = "") -> Iterator[tuple[str, int]]:
        """Names and sizes in bytes, in no order; those up to `after` may be left out.

        Raises:
            Stalled: the folder has more objects than may be listed.
        """
        listed = 0
        with self._translated(), suppress(FileNotFoundError):
            for chunk in obstore.list(self._store(), offset=after or None, chunk_size=1000):
                listed += len(chunk)
                if listed > MOST_LISTED:
                    raise self.stalled(
                        f"more than {MOST_LISTED:,} objects are listed; {NAME_NEARER}", Reason.STORE_REFUSED
                    )
                for found in chunk:
                    yield found["path"], found["size"]

    def size(self, name: str) -> int | None:
        """Its size in bytes; None when there is no such object."""
        with self._translated():
            try:
                return obstore.head(self._store(), name)["size"]
            except FileNotFoundError:
                return None

    def read(self, name: str) -> io.BufferedReader | None:
        """The object from its start, streamed; None when there is none. Reading raises the same errors as this."""
        with self._translated():
            try:
                chunks = iter(obstore.get(self._store(), name).stream(min_chunk_size=READ_BYTES))
            except FileNotFoundError:
                return None
        return io.BufferedReader(Download(self._guarded(chunks)), READ_BYTES)

    def put(self, name: str, content: bytes | Iterable[bytes]) -> None:
        """Replaces the object whole: until the last byte is there, readers see the former one."""
        with self._translated():
            whole = content if isinstance(content, bytes) else iter(content)
            obstore.put(self._store(), name, whole, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
        if self.scheme == "file":
            self._flush(name)

    def create(self, name: str, content: bytes) -> bool:
        """Makes a new object; returns whether it did. An existing one is left alone.

        Stores that do not support such a request, or ignore it, replace an object that came since the check.
        """
        with self._translated():
            try:
                obstore.put(self._store(), name, content, mode="create")
            except AlreadyExistsError:
                return False
            except BaseError as error:
                if not isinstance(error, NotSupportedError) and status_in(error) != UNKNOWN_REQUEST:
                    raise
                obstore.put(self._store(), name, content)
        if self.scheme == "file":
            self._flush(name)
        return True

    def _flush(self, name: str) -> None:
        """Flushes a file and its directories on a local disk; a cloud has an object when it says so."""
        try:
            flush_file(Path(f"/{self.path}", name))
        except OSError as error:
            raise self.stalled(
                f"{name} cannot be written to the disk: {error.strerror}", Reason.STORE_REFUSED
            ) from error

    def delete_if_allowed(self, name: str) -> None:
        with self._translated(), suppress(PermissionDeniedError, FileNotFoundError):
            obstore.delete(self._store(), name)

    def _guarded(self, chunks: Iterator[Any]) -> Iterator[Any]:
        with self._translated():
            yield from chunks

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, FileNotFoundError, ValueError) as error:  # their texts show addresses and bodies
            raise interruption(error, self.place, self.scheme, rights=self._rights, at=self._at) from None

    def _store(self) -> Store:
        """Checks the addresses right before each call, since the library resolves names itself."""
        endpoint = self._options.get("endpoint")
        if endpoint is not None and self._policy.leads_elsewhere(endpoint):
            raise self.stalled(ENDPOINT_REFUSED.format(place=authority_of(endpoint)), Reason.STORE_NOT_ALLOWED)
        if self._opened is None:
            try:
                self._opened = self._open()
            except (BaseError, ValueError):
                raise self.stalled("an option of the Secret cannot be used", Reason.STORE_OPTION) from None
        return self._opened

    def _open(self) -> Store:
        if self.scheme == "file":
            if not (self._make or Path(f"/{self.path}").is_dir()):
                raise FileNotFoundError
            return LocalStore(f"/{self.path}", mkdir=self._make)
        account = account_of(self.scheme, self._options, self.stalled, ambient=self._policy.ambient)
        client: ClientConfig = {**CLIENT, "allow_http": self._options.get("endpoint", "").startswith("http://")}
        common: dict[str, Any] = {
            "prefix": self.path or None,
            "config": dict(account.config),
            "client_options": client,
            "retry_config": RETRY,
        }
        match self.scheme:
            case "s3":
                return S3Store(self._bucket, credential_provider=account.provider, **common)
            case "az":
                return AzureStore(self._bucket, credential_provider=account.provider, **common)
            case _:
                return GCSStore(self._bucket, **common)


def refuse_control_characters(path: str, place: str) -> None:
    """Raises Rejected: the library does not accept the name."""
    if CONTROL.search(path):
        raise Rejected(f"{place}: the URL has a control character, such as a tab", reason=Reason.INVALID_URL)


class Download(io.RawIOBase):
    """Chunks as a file to read from."""

    def __init__(self, chunks: Iterator[Any]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
