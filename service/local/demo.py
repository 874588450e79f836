"""From `make demo` to a running application: the local cloud, the demo company in it, the web process and the worker.

This process only supervises, and imports little: each of the four is a process of its own, so that the application can
be killed while the cloud lives on. Whatever ends this one ends them all.
"""

import argparse
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from service.local.loopback import HOST, spare_loopback
from service.local.processes import FOLDER, last_words, log, process, tell

ENVIRONMENT = FOLDER / "demo.env"
"""What a second terminal needs to reach the running demo; gone when the demo ends."""
_READY = 60.0
"""Seconds until the web process must be ready."""
_SPACE = 1 << 20
"""Bytes; with less, a disk counts as full."""
_OTHER = 8081
"""A port to propose when the one that was asked for is taken."""
_CALLED = {"cloud": "local cloud", "web": "web process", "worker": "worker"}
_COMPANY = Path(__file__).parent / "company"


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
    spare_loopback()
    try:
        return _run(options)
    except KeyboardInterrupt:
        _say("stopped; only the embeddings are kept, for a quicker next start")
        return 0
    except DemoError as error:
        print(f"error: {error}", file=sys.stderr)
    except BrokenPipeError:  # nobody reads what it says, as after `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"error: {error}: is the disk full, or {FOLDER} not yours to write?", file=sys.stderr)
    return 1


def _run(options: argparse.Namespace) -> int:
    port, company, policies = options.port, options.company, options.policies
    _check_folders(company, policies)
    began = time.monotonic()
    FOLDER.mkdir(parents=True, exist_ok=True)
    FOLDER.chmod(0o700)  # what is kept there is as confidential as the documents
    with _folder(), _environment_file():
        _check_port(port)
        _say("starting the local cloud (AWS's and Bedrock's interfaces) in memory, on loopback")
        # All start at once, since most of a start is importing; each waits for the line that says it may go on.
        with (
            process("cloud") as cloud,
            process("seed", str(ENVIRONMENT), *([str(company)] if company else [])) as seed,
            process("web") as web,
            process("worker") as worker,
        ):
            password = secrets.token_urlsafe(9) + "Aa1!"
            chosen = {"policies": policies and str(policies.resolve()), "opensearch": options.opensearch}
            told = {**_heard(cloud), "port": str(port), "password": password}
            tell(seed, told | {name: value for name, value in chosen.items() if value})
            if seed.wait():
                full = shutil.disk_usage(FOLDER).free < _SPACE
                message = f"the demo company could not be loaded ({'the disk is full' if full else 'see above'})"
                raise DemoError(message)
            for each in (web, worker):
                tell(each, _variables(ENVIRONMENT))
            words = _welcome(company or _COMPANY, password)  # while those two begin
            _wait_until_ready(port, web)
            took, page = time.monotonic() - began, f"http://{HOST}:{port}"
            _say(
                f"ready after {took:.0f} s: open {page} and sign in as one of these people\n\n{words}\n\n"
                f"• logs: {log('web')}, {log('worker')}; Ctrl-C stops it and forgets it all"
            )
            return _wait({"cloud": cloud, "web": web, "worker": worker})


def _welcome(company: Path, password: str) -> str:
    """Return what the visitor reads. The seed has read the company before, and told what is wrong with it."""
    from service.local.people import read_company  # noqa: PLC0415 - what it imports would hold up the cloud
    from service.local.welcome import welcome  # noqa: PLC0415 - as above

    return welcome(read_company(company), password)


def _wait(processes: "dict[str, subprocess.Popen[str]]") -> int:
    while not (ended := [name for name, each in processes.items() if each.poll() is not None]):
        time.sleep(0.5)
    message = f"the {_CALLED[ended[0]]} ended by itself {last_words(ended[0])}"
    raise DemoError(message)


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
            other = _OTHER + (port == _OTHER)
            message = f"port {port} of {HOST} cannot be had ({error}); take another: make demo PORT={other}"
            raise DemoError(message) from error


def _heard(cloud: "subprocess.Popen[str]") -> dict[str, str]:
    line = cloud.stdout.readline() if cloud.stdout else ""
    if not line:
        message = "the local cloud did not start (see above)"
        raise DemoError(message)
    endpoints: dict[str, str] = json.loads(line)
    return endpoints


@contextmanager
def _folder() -> Iterator[None]:
    """Hold this folder for as long as this process lives: a second demo would empty the index of the first."""
    with (FOLDER / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            message = "another demo runs in this folder already; stop that with Ctrl-C, or start this in another folder"
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
    message = f"the web process did not become ready {last_words('web')}"
    raise DemoError(message)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _say(message: str) -> None:
    print(f"• {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
