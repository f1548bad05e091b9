"""What may stand for a database, or before it: servers that fall silent, and a proxy that spoils what it passes on."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.servers.refusers import Conversation, Talk, answering, message, packet, startup

TLS = 0x0800
MYSQL_OK = b"\0\0\0" + struct.pack("<HH", 2, 0)


def greeting(capabilities: int = 0xFFFF) -> bytes:
    salt = b"\x15" + bytes(10) + b"123456789012\0"
    head = b"\x0a8.0.36\0" + struct.pack("<I", 7) + b"12345678\0"
    return packet(0, head + struct.pack("<HBHH", capabilities, 0x2D, 2, 0x00FF) + salt + b"mysql_native_password\0")


# --- servers of our own -----------------------------------------------------------------------------------------------


def hears_nothing(talk: Talk) -> None:
    """Takes the connection and says nothing, until the other side hangs up."""
    while talk.connection.recv(65536):
        pass


def then_silent(talk: Talk) -> None:
    """Behind what was read with the buffered file."""
    while talk.rfile.read1(65536):
        pass


def mysql_greets(talk: Talk) -> None:
    """And offers TLS."""
    talk.wfile.write(greeting())
    hears_nothing(talk)


def mysql_lets_in(talk: Talk) -> None:
    talk.wfile.write(greeting(0xFFFF & ~TLS))
    talk.rfile.read(int.from_bytes(talk.rfile.read(4)[:3], "little"))
    talk.wfile.write(packet(2, MYSQL_OK))
    then_silent(talk)


def postgresql_greets(talk: Talk) -> None:
    startup(talk)
    then_silent(talk)


def postgresql_begins_tls(talk: Talk) -> None:
    talk.rfile.read(8)
    talk.wfile.write(b"S")
    then_silent(talk)


def postgresql_lets_in(talk: Talk) -> None:
    startup(talk)
    talk.wfile.write(message(b"R", struct.pack("!I", 0)))
    for name, value in (("server_version", "16.0"), ("client_encoding", "UTF8"), ("server_encoding", "UTF8")):
        talk.wfile.write(message(b"S", f"{name}\0{value}\0".encode()))
    talk.wfile.write(message(b"K", struct.pack("!II", 1, 2)) + message(b"Z", b"I"))
    then_silent(talk)


def dripping(first: bytes, *, after: int = 0, seconds: float = 0.05) -> Conversation:
    """Sends the beginning of something long once it has read so many bytes, and then byte by byte."""

    def drip(talk: Talk) -> None:
        talk.rfile.read(after)
        talk.wfile.write(first)
        gone = threading.Event()
        while not gone.wait(seconds):
            talk.wfile.write(b"\0")

    return drip


@dataclass
class Seen:
    """Of a server's connections: how many began, how many the other side has ended, and how many bytes it has taken."""

    begun: int = 0
    ended: int = 0
    taken: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, client: socket.socket, answer: bytes) -> None:
        client.sendall(answer)
        with self.lock:
            self.taken += len(answer)


@contextmanager
def flooding(first: Conversation, piece: bytes, most: int) -> Iterator[tuple[str, Seen]]:
    """The address of a server that sends a piece again and again behind the beginning of a conversation."""
    seen = Seen()

    def flood(talk: Talk) -> None:
        first(talk)
        while seen.taken < most:
            seen.take(talk.connection, piece)

    with counted(flood, seen) as (address, _):
        yield address, seen


@contextmanager
def counted(conversation: Conversation, seen: Seen | None = None) -> Iterator[tuple[str, Seen]]:
    """The address of such a server, and what it has seen."""
    seen = seen or Seen()

    def count(talk: Talk) -> None:
        with seen.lock:
            seen.begun += 1
        try:
            conversation(talk)
        finally:
            with seen.lock:
                seen.ended += 1

    with answering(count) as address:
        yield address, seen


# --- a proxy ----------------------------------------------------------------------------------------------------------

Texts = tuple[bytes, bytes]
"""The one is put for the other, which is as long."""
NONE: Texts = (b"", b"")
Spoil = Callable[[socket.socket, bytes], None]
"""What is done with an answer, once the mark was seen in a question."""


def swallow(_: socket.socket, __: bytes) -> None:
    """The answer never comes."""


def drip(client: socket.socket, answer: bytes) -> None:
    """The answer comes, at twenty bytes a second."""
    pause = threading.Event()
    for place in range(len(answer)):
        client.sendall(answer[place : place + 1])
        pause.wait(0.05)


def garble(client: socket.socket, _: bytes) -> None:
    """Something else comes for the answer."""
    client.sendall(b"\x02\x00\x00\x01\xfc\x05")


def garble_once() -> Spoil:
    """For the first answer comes an error without a number; the later ones are as the server gives them."""
    garbled = threading.Event()

    def spoil(client: socket.socket, answer: bytes) -> None:
        client.sendall(answer if garbled.is_set() else b"\x01\x00\x00\x01\xff")
        garbled.set()

    return spoil


def passing(
    host: str, port: int, mark: bytes, spoil: Spoil | None, rewrite: Texts, answers: Texts, seen: Seen
) -> Conversation:
    """Passes on what is said, with one text put for another in questions, and in answers."""

    def converse(talk: Talk) -> None:
        with socket.create_connection((host, port)) as server:
            marked = threading.Event()
            with_what = (server, talk.connection, marked, spoil, answers, seen)
            answering = threading.Thread(target=pass_answers, args=with_what, daemon=True)
            answering.start()
            while question := talk.connection.recv(65536):
                if mark in question:
                    marked.set()
                server.sendall(question.replace(*rewrite) if rewrite[0] else question)
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            answering.join()

    return converse


def pass_answers(
    server: socket.socket, client: socket.socket, marked: threading.Event, spoil: Spoil | None, texts: Texts, seen: Seen
) -> None:
    with suppress(OSError):
        while received := server.recv(65536):
            answer = received.replace(*texts) if texts[0] else received
            if marked.is_set() and spoil is not None:
                spoil(client, answer)
            else:
                seen.take(client, answer)


@contextmanager
def before(
    url: str, mark: str = "", spoil: Spoil | None = None, rewrite: Texts = NONE, answers: Texts = NONE
) -> Iterator[tuple[str, Seen]]:
    """The URL of the same database, through such a proxy."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    seen = Seen()
    conversation = passing(parts.hostname, parts.port, mark.encode(), spoil, rewrite, answers, seen)
    with counted(conversation, seen) as (address, _):
        yield parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{address}").geturl(), seen
