"""`python -m bench.load.crowd`: people who ask, each anew as their answer ends.

A process of its own, so that the web process is measured alone. Reads what to do as one line of JSON, and writes
what was heard as another.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

HOST = "127.0.0.1"
_PATIENCE = 150.0
"""Seconds that an answer may take before it counts as starved: more than the application allows one."""
_SIP = 8
"""Bytes that the slow reader takes a second."""
_PAUSE = 1.0
"""Seconds until who was refused asks again, and between two of those who leave."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the crowd is to do."""

    port: int
    tokens: list[str]
    """Of the people who ask, then of one who reads slowly, one who never reads, one who leaves at the first word."""
    question: str
    seconds: float
    answer: float
    """Seconds that an answer takes: the people begin within this time."""


@dataclass(slots=True)
class Heard:
    """One answer as it came; times are in seconds from the asking."""

    status: int = 0
    first: float | None = None
    """Until the first event."""
    gaps: list[float] = field(default_factory=list)
    """Between two words."""
    total: float = 0
    receipt: str | None = None
    end: str = "starved"
    """How it ended: its outcome; `refused`, `cut` or `starved` without one."""


def request(task: Task, token: str) -> bytes:
    """Return the request as bytes."""
    body = json.dumps({"question": task.question})
    return (
        f"POST /v1/answers HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def listen(task: Task, token: str, heard: Heard, *, leave: bool = False) -> None:
    """Ask once and note what comes; if `leave`, go away at the first word."""
    began = last = time.monotonic()
    reader, writer = await asyncio.open_connection(HOST, task.port)
    try:
        writer.write(request(task, token))
        heard.status = int((await reader.readline()).split()[1])
        heard.end, name = "refused" if heard.status != 200 else "cut", b""
        while line := await reader.readline():
            key, _, value = line.partition(b": ")
            if key == b"event":
                name, now = value.strip(), time.monotonic()
                heard.first = heard.first or now - began
                if name == b"token":
                    heard.gaps.append(now - last)
                    if leave:
                        return
                last = now
            elif key == b"data" and name in {b"receipt", b"done", b"error"}:
                data = json.loads(value)
                heard.receipt, heard.end = data.get("id", heard.receipt), data.get("outcome", heard.end)
    finally:
        heard.total = time.monotonic() - began
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def ask(task: Task, token: str, *, leave: bool = False) -> Heard:
    """Return one answer as it came, whatever became of it."""
    heard = Heard()
    with suppress(OSError, TimeoutError, IndexError):
        await asyncio.wait_for(listen(task, token, heard, leave=leave), _PATIENCE)
    return heard


async def keep_asking(task: Task, token: str, until: float, *, after: float = 0, leave: bool = False) -> list[Heard]:
    """Return all that one person heard, who begins `after` so many seconds."""
    heard: list[Heard] = []
    await asyncio.sleep(after)
    while time.monotonic() < until:
        heard.append(await ask(task, token, leave=leave))
        if leave or heard[-1].status != 200:
            await asyncio.sleep(_PAUSE)
    return heard


async def sip(task: Task, token: str, until: float, size: int) -> int:
    """Ask, read `size` bytes a second, and return how many came; the kernel may hold few for who reads slowly."""
    loop, came = asyncio.get_running_loop(), 0
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        connection.settimeout(0)
        await loop.sock_connect(connection, (HOST, task.port))
        await loop.sock_sendall(connection, request(task, token))
        while time.monotonic() < until:
            await asyncio.sleep(_PAUSE)
            came += len(await asyncio.wait_for(loop.sock_recv(connection, size), _PATIENCE)) if size else 0
    return came


async def crowd(task: Task) -> dict[str, Any]:
    """Return what everybody heard."""
    until = time.monotonic() + task.seconds
    *people, slow, hung, leaver = task.tokens
    # One after the other, or all would ask again in the same moment ever after.
    step = task.answer / len(people)
    asking: list[Coroutine[Any, Any, list[Heard]]] = [
        keep_asking(task, token, until, after=number * step) for number, token in enumerate(people)
    ]
    asking.append(keep_asking(task, leaver, until, leave=True))
    special = asyncio.gather(sip(task, slow, until, _SIP), sip(task, hung, until, 0), return_exceptions=True)
    *heard, left = await asyncio.gather(*asking)
    await special
    return {
        "heard": [asdict(each) for person in heard for each in person],
        "left": [asdict(each) for each in left],
        "people": len(people),
        "fewest": min(sum(each.end == "complete" for each in person) for person in heard),
    }


def main() -> None:
    """Do what the standard input says, and write what was heard to the standard output."""
    print(json.dumps(asyncio.run(crowd(Task(**json.loads(sys.stdin.readline()))))))


if __name__ == "__main__":
    main()
