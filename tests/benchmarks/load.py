"""A load client that is much cheaper than the servers it measures: ready-made bytes over kept-alive sockets."""

from __future__ import annotations

import selectors
import socket
import time
from dataclasses import dataclass, field


@dataclass
class Load:
    """What one round of load gave. ``latencies`` in seconds, sorted."""

    seconds: float
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)]


def post(path: str, body: str, host: str = "127.0.0.1") -> bytes:
    data = body.encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def exchange(port: int, message: bytes) -> bytes:
    """One request on a connection of its own; the whole answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(message)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> bytes:
    received = b""
    while True:
        chunk = connection.recv(1 << 20)
        if not chunk:
            return received
        received += chunk
        head, gap, rest = received.partition(b"\r\n\r\n")
        if gap and len(rest) >= content_length(head):
            return received


def content_length(head: bytes) -> int:
    line = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(line.partition(b":")[2])


class Line:
    """One connection that asks again as soon as it has its answer, with the next of its messages."""

    def __init__(self, port: int, messages: list[bytes]) -> None:
        self.messages, self.turn = messages, 0
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.missing, self.buffer, self.began = -1, b"", 0.0

    def ask(self) -> None:
        self.began = time.perf_counter()
        self.socket.sendall(self.messages[self.turn % len(self.messages)])
        self.turn += 1
        self.missing, self.buffer = -1, b""

    def read(self) -> bool:
        """Take what has come; whether the answer is whole. Raises RuntimeError unless it is a 200."""
        chunk = self.socket.recv(1 << 18)
        if self.missing < 0:
            self.buffer += chunk
            head, gap, rest = self.buffer.partition(b"\r\n\r\n")
            if not gap:
                return False
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.split(b"\r\n")[0].decode())
            self.missing = content_length(head) - len(rest)
        else:
            self.missing -= len(chunk)
        return self.missing <= 0


def drive(port: int, messages: list[bytes], *, connections: int, seconds: float) -> Load:
    """Keep ``connections`` busy for ``seconds``, the messages dealt out among them."""
    lines = [Line(port, messages[number::connections] or messages) for number in range(connections)]
    result = Load(seconds)
    with selectors.DefaultSelector() as selector:
        for line in lines:
            selector.register(line.socket, selectors.EVENT_READ, line)
            line.ask()
        end = time.perf_counter() + seconds
        while (now := time.perf_counter()) < end:
            for key, _ in selector.select(end - now):
                if key.data.read():
                    result.latencies.append(time.perf_counter() - key.data.began)
                    key.data.ask()
    for line in lines:
        line.socket.close()
    result.latencies.sort()
    return result
