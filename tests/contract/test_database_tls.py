"""TLS holds a certificate against the name of the URL, though the connection goes to a checked address."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nightsort.adapters.sql.database import Database
from nightsort.adapters.sql.policy import DatabasePolicy
from nightsort.domain.errors import Stalled, Waiting
from tests.contract.certificates import NAME, certificate
from tests.servers.refusers import Talk, answering, packet

__all__ = ["certificate"]

LOOPBACK = DatabasePolicy(frozenset({"mysql"}), ("*.svc",), own=True, resolve=lambda host, port: ["127.0.0.1"])


def mysql_with_tls(certificate: Path, greeted: list[str]) -> Callable[[Talk], None]:
    def talk_tls(talk: Talk) -> None:
        greeting = b"\x0a8.0.36\0" + struct.pack("<I", 7) + b"12345678\0" + struct.pack("<H", 0xFFFF)
        greeting += b"\x2d" + struct.pack("<HH", 2, 0x00FF) + b"\x15" + bytes(10) + b"123456789012\0"
        talk.wfile.write(packet(0, greeting + b"mysql_native_password\0"))
        # Not by the buffered file, which could take the beginning of TLS with it.
        size = int.from_bytes(talk.connection.recv(4, socket.MSG_WAITALL)[:3], "little")
        talk.connection.recv(size, socket.MSG_WAITALL)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.parent / "key.pem")

        def asked_for(_: Any, name: str | None, __: Any) -> None:
            greeted.append(f"SNI {name}")

        context.sni_callback = asked_for
        with context.wrap_socket(talk.connection, server_side=True, suppress_ragged_eofs=True) as secure:
            greeted.append(f"{len(secure.recv(4))} bytes of the login")

    return talk_tls


@pytest.mark.parametrize(("name", "logins"), [(NAME, 1), ("other.team.svc", 0)])
def test_tls_checks_the_name_of_the_url_though_the_address_is_connected_to(
    certificate: Path, name: str, logins: int
) -> None:
    greeted: list[str] = []
    with answering(mysql_with_tls(certificate, greeted)) as address:
        port = address.rpartition(":")[2]
        url = f"mysql://u:p@{name}:{port}/x?ssl_ca={certificate}&ssl_check_hostname=true"
        database = Database(url, LOOPBACK, "spec.source.database", "SELECT")
        with pytest.raises((Stalled, Waiting)), database.reading():
            pass

    assert greeted[:1] == [f"SNI {name}"]
    assert len([each for each in greeted if "login" in each and not each.startswith("0")]) == logins
