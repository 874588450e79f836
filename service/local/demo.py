"""From `make demo` to a running application: the local cloud, the demo company in it, the web process and the worker.

This process only supervises, and imports little: each of the four is a process of its own, so that the application can
be killed while the cloud lives on. Whatever ends this one ends them all.
"""

import argparse
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

HOST = "127.0.0.1"
ENVIRONMENT = Path(".local/demo.env")
"""What a second terminal needs to reach the running demo; gone when the demo ends."""
_READY = 60.0
"""Seconds until the web process must be ready."""
_GRACE = 15.0
"""Seconds that a process has to end by itself."""
_LOGS = {"the web process": "web", "the worker": "worker"}
_LAST = 5
"""Lines of a log that are shown if its process ended by itself."""


class DemoError(Exception):
    """The demo cannot go on; the message names the mend."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo until it is told to stop; return the exit status."""
    parser = argparse.ArgumentParser(prog="antechamber demo", description="Run the application with its local cloud.")
    parser.add_argument("--port", type=int, default=8080, help="port of the application on 127.0.0.1 (8080)")
    parser.add_argument("--company", type=Path, default=None, help="folder of another company than the shipped one")
    parser.add_argument(
        "--policies",
        type=Path,
        default=os.environ.get("ANTECHAMBER_POLICIES"),
        help="policy directory, also for commands in a second terminal (ANTECHAMBER_POLICIES, or the shipped one)",
    )
    parser.add_argument(
        "--opensearch",
        metavar="URL",
        default=None,
        help="keep the index in the OpenSearch at this address instead of the local file: http://127.0.0.1:9200",
    )
    options = parser.parse_args(arguments)
    # SIGINT too: a shell hands it on ignored to what it starts in the background.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return _run(options)
    except KeyboardInterrupt:
        return 0
    except DemoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    port, company, policies = options.port, options.company, options.policies
    _check_port(port)
    _check_folders(company, policies)
    began = time.monotonic()
    ENVIRONMENT.parent.mkdir(parents=True, exist_ok=True)
    ENVIRONMENT.parent.chmod(0o700)  # what is kept there is as confidential as the documents
    _say("starting the local cloud (Cognito, DynamoDB, S3, SQS, Bedrock's wire) in memory, on loopback")
    # All start at once, since most of a start is importing; each waits for the line that says it may go on.
    with (
        _folder(),
        _environment_file(),
        _process("service.local.cloud") as cloud,
        _process("service.local.seed", str(ENVIRONMENT), *([str(company)] if company else [])) as seed,
        _process("service.local.web") as web,
        _process("service.local.worker") as worker,
    ):
        password = secrets.token_urlsafe(9) + "Aa1!"
        chosen = {"policies": policies and str(policies.resolve()), "opensearch": options.opensearch}
        told = {**_heard(cloud), "port": str(port), "password": password}
        _tell(seed, told | {name: value for name, value in chosen.items() if value})
        if seed.wait():
            message = "the demo company could not be loaded (see above)"
            raise DemoError(message)
        for process in (web, worker):
            _tell(process, _variables(ENVIRONMENT))
        _wait_until_ready(port, web)
        took = time.monotonic() - began
        _say(f"ready after {took:.0f} s at http://{HOST}:{port}; Ctrl-C stops it, and forgets everything")
        _say(f"what it tells of each request and document: {_log('web')}, {_log('worker')}")
        return _wait({"the local cloud": cloud, "the web process": web, "the worker": worker})


def _wait(processes: "dict[str, subprocess.Popen[str]]") -> int:
    while not (ended := [name for name, process in processes.items() if process.poll() is not None]):
        time.sleep(0.5)
    message = f"{ended[0]} ended by itself {_last_words(_LOGS.get(ended[0]))}"
    raise DemoError(message)


def _last_words(name: str | None) -> str:
    """Return the end of the log of a process that has one; what the others say stands on the terminal already."""
    if name is None:
        return "(see above)"
    lines = _log(name).read_text(errors="replace").splitlines()[-_LAST:]
    return "\n".join([f"({_log(name)} has all of it):", *lines])


def _log(name: str) -> Path:
    return ENVIRONMENT.parent / f"{name}.log"


def _check_folders(company: Path | None, policies: Path | None) -> None:
    if company is not None and not (company / "people.yaml").is_file():
        message = f"{company} is no company: it holds no people.yaml"
        raise DemoError(message)
    if policies is not None and not (policies / "manifest.json").is_file():
        message = f"{policies} is no policy directory: write its manifest with `antechamber policy manifest {policies}`"
        raise DemoError(message)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            message = f"port {port} of {HOST} cannot be had ({error}); take another: make demo PORT=8081"
            raise DemoError(message) from error


def _heard(cloud: "subprocess.Popen[str]") -> dict[str, str]:
    line = cloud.stdout.readline() if cloud.stdout else ""
    if not line:
        message = "the local cloud did not start (see above)"
        raise DemoError(message)
    endpoints: dict[str, str] = json.loads(line)
    return endpoints


def _tell(process: "subprocess.Popen[str]", values: dict[str, str]) -> None:
    if process.stdin:
        # One that has ended already is noticed by whoever waits for it.
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(values) + "\n")
            process.stdin.close()


@contextmanager
def _process(module: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run `module` in a process of its own and end it: asked first, then killed.

    It is in a group of its own too, so that Ctrl-C reaches this process alone, which then ends the others in order.
    """
    command = [sys.executable, "-m", module, *arguments]
    # Only the cloud speaks to this process, and the seed to the person; what serves tells its log of every request.
    stdout = subprocess.PIPE if module == "service.local.cloud" else None
    name = module.rpartition(".")[2]
    with (
        _log(name).open("w") if name in _LOGS.values() else nullcontext() as told,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=stdout, stderr=told, text=True, process_group=0
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_GRACE)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                process.kill()


@contextmanager
def _folder() -> Iterator[None]:
    """Hold this folder for as long as this process lives: a second demo would empty the index of the first."""
    with (ENVIRONMENT.parent / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            message = "another demo runs in this folder; stop it, or start this one in another folder"
            raise DemoError(message) from error
        yield


@contextmanager
def _environment_file() -> Iterator[None]:
    ENVIRONMENT.unlink(missing_ok=True)
    try:
        yield
    finally:
        ENVIRONMENT.unlink(missing_ok=True)


def _variables(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _wait_until_ready(port: int, web: "subprocess.Popen[str]") -> None:
    until = time.monotonic() + _READY
    while time.monotonic() < until and web.poll() is None:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    message = f"the web process did not become ready {_last_words('web')}"
    raise DemoError(message)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _say(message: str) -> None:
    print(f"• {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
