"""The demo as its users have it: a folder, a process, the real command line, real HTTP."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from service.cli import app
from service.commands.operator import Operator, operator
from tests.support.cloud import cognito

ROOT = Path(__file__).parents[2]
START = 120.0
"""Seconds until a demo must be ready, far more than it needs."""
PATIENCE = 60.0
"""Seconds until a worker must have done what it was given, far more than it needs."""
END = 30.0
"""Seconds until nothing of it may be left."""
CACHE = Path(os.environ.get("ANTECHAMBER_CACHE") or ROOT / ".local/test-cache")
"""Where vectors of the tests' documents stay between runs."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command line that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the command printed
        """What it printed, as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer's events, in their order."""

    events: tuple[tuple[str, Mapping[str, Any]], ...] = field(repr=False)

    def all(self, name: str) -> list[Mapping[str, Any]]:
        """Return the data of the events of this name."""
        return [data for each, data in self.events if each == name]

    @property
    def text(self) -> str:
        """The answer."""
        return "".join(data["text"] for data in self.all("token"))

    @property
    def cited(self) -> list[str]:
        """The documents that it cites."""
        return [data["document"] for data in self.all("citation")]

    @property
    def abstained(self) -> bool:
        """Whether it rests on nothing; False unless it came to its end."""
        return bool(self.events) and self.events[-1][0] == "done" and bool(self.events[-1][1]["abstained"])


@dataclass(frozen=True)
class Site:
    """A running application and the folder in which `.local/` lies."""

    folder: Path
    port: int

    def command(self, *arguments: str, **environment: str) -> Command:
        """Run the command line in the folder, and return how it ended."""
        command = [sys.executable, "-m", "service.cli", *arguments]
        ended = subprocess.run(  # noqa: S603 - our own module
            command, cwd=self.folder, env=clean_environment() | environment, capture_output=True, text=True, check=False
        )
        return Command(ended.returncode, ended.stdout, ended.stderr)

    def run(self, *arguments: str) -> Command:
        """Run the command line in this process: quicker, and otherwise the same."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            ended = CliRunner(env={**self.variables(), "COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, arguments)
        trace = "" if ended.exception is None or isinstance(ended.exception, SystemExit) else "Traceback"
        return Command(ended.exit_code, ended.stdout, ended.stderr + trace)

    @property
    def environment_file(self) -> Path:
        """Where the running demo says how to reach it."""
        return self.folder / ".local/demo.env"

    def variables(self) -> dict[str, str]:
        """Return what the running demo tells a second terminal."""
        lines = self.environment_file.read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if not line.startswith("#"))

    @cached_property
    def operator(self) -> Operator:
        """The operator of the running demo, in this process."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.variables().items():
                patch.setenv(name, value)
            return operator()

    @cached_property
    def _tokens(self) -> dict[str, str]:
        return {}

    def token(self, person: str) -> str:
        """Return a token of `person`, asked for once, as the command line asks for it."""
        if person not in self._tokens:
            known = self.variables()
            response = cognito(known["ANTECHAMBER_AWS_ENDPOINT"]).initiate_auth(
                ClientId=known["ANTECHAMBER_DEMO_CLIENT"],
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": person, "PASSWORD": known["ANTECHAMBER_DEMO_PASSWORD"]},
            )
            self._tokens[person] = response["AuthenticationResult"]["AccessToken"]
        return self._tokens[person]

    def client(self, token: str = "", *, patience: int = 0) -> httpx2.Client:
        """Return an HTTP client that bears `token`, and asks again up to `patience` times when it is told 503."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = PatientTransport(patience)
        return httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=60, transport=transport)


class PatientTransport(httpx2.HTTPTransport):
    """Asks again after a 503: on a busy machine a backend that answers too late is no finding."""

    def __init__(self, patience: int) -> None:
        super().__init__()
        self._patience = patience

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the first response that is no 503, or the last."""
        for _ in range(self._patience):
            response = super().handle_request(request)
            if response.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
                return response
            response.close()
            time.sleep(1)
        return super().handle_request(request)


@contextmanager
def running_demo(
    folder: Path,
    *,
    company: Path | None = None,
    policies: Path | None = None,
    opensearch: str | None = None,
    port: int = 0,
    **environment: str,
) -> "Iterator[Demo]":
    """Run the demo in `folder` until it is ready; whatever is left of it afterwards is killed."""
    demo = start_demo(folder, company=company, policies=policies, opensearch=opensearch, port=port, **environment)
    try:
        demo.wait_until_ready()
        yield demo
    finally:
        demo.end()


def start_demo(
    folder: Path,
    *,
    company: Path | None = None,
    policies: Path | None = None,
    opensearch: str | None = None,
    port: int = 0,
    **environment: str,
) -> "Demo":
    """Start the demo in `folder`, as the leader of a process group of its own."""
    port = port or free_port()
    command = [sys.executable, "-m", "service.local.demo", "--port", str(port)]
    for option, value in (("--company", company), ("--policies", policies), ("--opensearch", opensearch)):
        command += [option, str(value)] if value else []
    with log_file(folder, port).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            cwd=folder,
            env=clean_environment() | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Demo(folder, port, process)


def log_file(folder: Path, port: int) -> Path:
    """Return where a demo's words are written."""
    return folder / f"demo-{port}.log"


@dataclass(frozen=True)
class Demo(Site):
    """A demo that was started."""

    process: "subprocess.Popen[bytes]"

    @property
    def log(self) -> str:
        """What it has printed."""
        return log_file(self.folder, self.port).read_text()

    def wait_until_ready(self) -> None:
        """Return once it says so. Raises `AssertionError` if it ends or takes too long."""
        until = time.monotonic() + START
        while "ready after" not in self.log:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < until, self.log
            time.sleep(0.1)

    def tell(self, number: int, *, group: bool = False) -> int:
        """Send a signal to the supervisor, or as a terminal does to all of the group; return the exit status."""
        (os.killpg if group else os.kill)(self.process.pid, number)
        return self.process.wait(END)

    def processes(self) -> list[int]:
        """Return the ids of all its processes that run: those of its session."""
        return [each for each in running_processes() if session_of(each) == self.process.pid]

    def is_gone(self) -> bool:
        """Return whether every process of it ends in time."""
        until = time.monotonic() + END
        while self.processes():
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        return True

    def end(self) -> None:
        """End it, if it has not ended, and whatever is left of it."""
        try:
            if self.process.poll() is None:
                self.tell(signal.SIGTERM)
        finally:
            for each in self.processes():
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)


def running_processes() -> list[int]:
    """Return the ids of all processes of this machine, but for those that have ended and wait to be noticed."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,stat="], capture_output=True, text=True, check=True)  # noqa: S607
    rows = (line.split() for line in listing.stdout.splitlines())
    return [int(pid) for pid, state in rows if not state.startswith("Z")]


def session_of(process: int) -> int | None:
    """Return the session of a process, None if it has ended."""
    try:
        return os.getsid(process)
    except ProcessLookupError:
        return None


def clean_environment() -> dict[str, str]:
    """Return this process's environment without our settings, so that nothing but a test's own reaches a process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANTECHAMBER_")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200", "NO_COLOR": "1"}


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def kept_vectors(folder: Path, name: str) -> Iterator[None]:
    """Bring the vectors kept by earlier runs into `folder`, and keep those that are there afterwards."""
    kept, used = CACHE / f"{name}.sqlite", folder / ".local/embeddings.sqlite"
    used.parent.mkdir(parents=True, exist_ok=True)
    if kept.is_file():
        shutil.copy(kept, used)
    yield
    if used.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{os.getpid()}")
        shutil.copy(used, partial)
        partial.replace(kept)


def ask(client: httpx2.Client, question: str) -> Heard:
    """Ask, and return all events. Raises `AssertionError` unless the answer begins."""
    events: list[tuple[str, Mapping[str, Any]]] = []
    with client.stream("POST", "/v1/answers", json={"question": question}) as response:
        assert response.status_code == httpx2.codes.OK, response.read()
        events.extend(events_of(response.iter_lines()))
    return Heard(tuple(events))


def events_of(lines: Iterator[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield server-sent events as they come."""
    name = ""
    for line in lines:
        key, _, value = line.partition(":")
        if key == "event":
            name = value.strip()
        elif key == "data":
            yield name, json.loads(value)


def search(client: httpx2.Client, question: str, k: int = 10) -> list[Mapping[str, Any]]:
    """Return the passages found."""
    response = client.post("/v1/search", json={"question": question, "k": k})
    assert response.status_code == httpx2.codes.OK, response.text
    passages: list[Mapping[str, Any]] = response.json()["passages"]
    return passages


def listed(client: httpx2.Client, limit: int = 50) -> list[str]:
    """Return the ids of all documents, page by page."""
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        response = client.get("/v1/documents", params={"limit": limit, **after})
        assert response.status_code == httpx2.codes.OK, response.text
        page = response.json()
        found.extend(each["document"] for each in page["documents"])
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def settled(client: httpx2.Client, upload: str) -> Mapping[str, Any]:
    """Return what became of an upload, once its author is told that it waits no more."""
    until = time.monotonic() + PATIENCE
    while True:
        response = client.get(f"/v1/uploads/{upload}")
        assert response.status_code == httpx2.codes.OK, response.text
        told: Mapping[str, Any] = response.json()
        if told["state"] != "waiting":
            return told
        assert time.monotonic() < until, told
        time.sleep(0.2)
