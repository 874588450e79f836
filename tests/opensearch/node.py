"""A real OpenSearch without Docker, for tests and demonstrations: see README.md. Standard library only."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

if __name__ == "__main__":  # started by its path
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.opensearch.cluster import prepare, running
from tests.opensearch.errors import NodeError, say
from tests.opensearch.jdk import find_jdk
from tests.opensearch.maven import fetch
from tests.opensearch.process import Node
from tests.opensearch.recipe import HERE, checksums
from tests.opensearch.shared import shared

__all__ = ["Node", "NodeError", "prepare", "running", "shared"]
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    options = _parser().parse_args(arguments)
    # SIGINT too: a shell hands it on ignored to what it starts in the background.
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    try:
        code: int = options.run(options)
    except KeyboardInterrupt:
        return 130
    except NodeError as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(f"{error}: is the disk full, or the folder not yours? Mend it and run the same command again")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="node.py", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    each = commands.add_parser("prepare", help="fetch and compile what it needs, and start nothing")
    each.set_defaults(run=_prepare)
    each = commands.add_parser("run", help="run it until Ctrl-C")
    each.add_argument("--port", type=int, default=9200, help="port of the first node on 127.0.0.1 (9200)")
    each.add_argument("--data", type=Path, help="folder that keeps the data (otherwise it is forgotten)")
    _cluster_options(each)
    each.set_defaults(run=_run)
    each = commands.add_parser("with", help="run a command beside a private one: with -- COMMAND …")
    each.add_argument("command", nargs="+", help="it finds the address in ANTECHAMBER_OPENSEARCH_URL")
    _cluster_options(each)
    each.set_defaults(run=_with)
    each = commands.add_parser("checksums", help="after a change of pom.xml: fetch anew and write checksums.txt")
    each.set_defaults(run=_checksums)
    return parser


def _cluster_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--nodes", type=int, default=1, help="number of nodes (1)")
    parser.add_argument("--heap", default="1g", help="heap of the JVM (1g)")
    parser.add_argument("-E", dest="settings", type=_setting, action="append", default=[], help="a node's KEY=VALUE")


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        message = f"{text} is no KEY=VALUE"
        raise argparse.ArgumentTypeError(message)
    return key, value


def _prepare(_: argparse.Namespace) -> int:
    say(f"prepared in {prepare().folder}")
    return 0


def _run(options: argparse.Namespace) -> int:
    with running(
        options.nodes, dict(options.settings), options.heap, port=options.port, data=options.data, lasting=True
    ) as node:
        say(f"use it with: make demo INDEX=opensearch OPENSEARCH_URL={node.url}   (Ctrl-C stops it)")
        try:
            while not node.has_ended:
                time.sleep(0.5)
        except KeyboardInterrupt:
            return 0
    message = "OpenSearch ended by itself"
    raise NodeError(message)


def _with(options: argparse.Namespace) -> int:
    with running(options.nodes, dict(options.settings), options.heap, lasting=True) as node:
        environment = os.environ | {"ANTECHAMBER_OPENSEARCH_URL": node.url}
        with _started(options.command, environment) as process:
            for number in _SIGNALS:
                signal.signal(number, lambda number, _: _pass_on(process, number))
            code = process.wait()
    return code if code >= 0 else 128 - code


def _started(command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    try:
        # In a session of its own, so that Ctrl-C reaches it once, and only through this process.
        return subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603 - what was asked for
    except OSError as error:
        message = f"{command[0]} cannot be started ({error.strerror}): name another command after --"
        raise NodeError(message) from error


def _pass_on(process: "subprocess.Popen[bytes]", number: int) -> None:
    """Hand a signal on: SIGINT to the whole group, as a terminal does, any other to the command alone."""
    with suppress(ProcessLookupError):
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)


def _checksums(_: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        fetch(HERE / "pom.xml", find_jdk(), Path(folder))
        (HERE / "checksums.txt").write_text(checksums(Path(folder)))
    say(f"wrote {HERE / 'checksums.txt'}: review and commit what changed")
    return 0


def _failed(message: str) -> int:
    sys.stderr.write(f"error: {message}\n")
    return 1


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
