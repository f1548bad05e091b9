"""Small servers on loopback that refuse every connection, as databases and the proxies before them do."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Conversation = Callable[["Talk"], None]
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104


class Talk(socketserver.StreamRequestHandler):
    """One connection. `server.conversation` says what is answered."""

    def handle(self) -> None:
        try:
            self.server.conversation(self)  # type: ignore[attr-defined]
        except (OSError, struct.error):
            return  # the other side has left


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def answering(conversation: Conversation) -> Iterator[str]:
    """The address of a server that holds this conversation with everybody."""
    with Server(("127.0.0.1", 0), Talk) as server:
        vars(server)["conversation"] = conversation
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


# --- PostgreSQL's protocol --------------------------------------------------------------------------------------------


def startup(talk: Talk) -> None:
    """Reads the client's greeting; TLS is not to be had here."""
    while True:
        (length,) = struct.unpack("!I", talk.rfile.read(4))
        body = talk.rfile.read(length - 4)
        if struct.unpack("!I", body[:4])[0] not in (SSL_REQUEST, GSS_REQUEST):
            return
        talk.wfile.write(b"N")


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def error(code: str, words: str, severity: str = "FATAL") -> bytes:
    fields = {"S": severity, "V": "FATAL", "C": code, "M": words}
    return message(b"E", b"".join(f"{key}{value}\0".encode() for key, value in fields.items()) + b"\0")


def postgresql_that_refuses(code: str, words: str, severity: str = "FATAL") -> Conversation:
    def refuse(talk: Talk) -> None:
        startup(talk)
        talk.wfile.write(error(code, words, severity))

    return refuse


def postgresql_that_lets_in_and_refuses(code: str, words: str) -> Conversation:
    """As PgBouncer with pool_mode = statement: the login goes well, and BEGIN does not."""

    def refuse(talk: Talk) -> None:
        startup(talk)
        talk.wfile.write(message(b"R", struct.pack("!I", 0)))
        for name, value in (("server_version", "16.0"), ("client_encoding", "UTF8"), ("server_encoding", "UTF8")):
            talk.wfile.write(message(b"S", f"{name}\0{value}\0".encode()))
        talk.wfile.write(message(b"K", struct.pack("!II", 1, 2)))
        talk.wfile.write(message(b"Z", b"I"))
        talk.rfile.read(1)
        talk.wfile.write(error(code, words, "ERROR"))
        talk.wfile.write(message(b"Z", b"I"))

    return refuse


# --- MySQL's protocol -------------------------------------------------------------------------------------------------


def packet(number: int, body: bytes) -> bytes:
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


def mysql_error(number: int, code: int, words: str, *, state: bytes = b"#HY000") -> bytes:
    return packet(number, b"\xff" + struct.pack("<H", code) + state + words.encode())


def mysql_that_hangs_up(code: int, words: str) -> Conversation:
    """Before any greeting, as where there are too many connections."""

    def refuse(talk: Talk) -> None:
        talk.wfile.write(mysql_error(0, code, words, state=b""))

    return refuse


def mysql_that_refuses(code: int, words: str) -> Conversation:
    def refuse(talk: Talk) -> None:
        capabilities = 0x00FFF7FF & ~0x0800  # all but TLS
        greeting = b"\x0a8.0.36\0" + struct.pack("<I", 7) + b"12345678\0" + struct.pack("<H", capabilities & 0xFFFF)
        greeting += b"\x2d" + struct.pack("<HH", 2, capabilities >> 16) + b"\x15" + bytes(10) + b"123456789012\0"
        talk.wfile.write(packet(0, greeting + b"mysql_native_password\0"))
        size = int.from_bytes(talk.rfile.read(4)[:3], "little")
        talk.rfile.read(size)
        talk.wfile.write(mysql_error(2, code, words))

    return refuse


# --- others -----------------------------------------------------------------------------------------------------------


def saying(words: bytes, *, after: int = 0) -> Conversation:
    """Something else altogether, once the other side has sent so many bytes."""

    def say(talk: Talk) -> None:
        talk.rfile.read(after)
        talk.wfile.write(words)

    return say


def nothing(talk: Talk) -> None:
    """Hangs up without a word."""
