"""`antechamber worker`: takes documents from the bucket and writes what was uploaded, until it is told to stop."""

import signal
import threading
from typing import Annotated

import typer
from prometheus_client import start_http_server

from service.commands.terminal import Exit, settings, told
from service.compose import parser
from service.log import log_as_json
from service.settings import Settings
from service.worker import WAIT

_LOOPBACK = "127.0.0.1"


def worker(
    once: Annotated[bool, typer.Option("--once", help="End when the queue is empty.")] = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Take documents from the bucket as its queue says, until told to stop. Exit code 4: some were left unfinished."""
    with told():
        left = run(settings(), once=once)
    raise typer.Exit(Exit.INCOMPLETE if left else Exit.OK)


def run(configured: Settings, *, once: bool = False, wait: int = WAIT) -> int:
    """Run a worker in this thread, ended by SIGTERM or SIGINT; return how many messages were left unfinished.

    It polls for `wait` seconds at a time, which is how long it may take to stop. Raises as composing it does.
    """
    from service.compose_worker import worker as compose  # noqa: PLC0415 - parsers take a second to import

    log_as_json()
    composed = compose(configured)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: composed.worker.stop())
    signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=composed.policies.reload).start())
    if configured.metrics_port:
        start_http_server(configured.metrics_port, _LOOPBACK, composed.metrics.registry)
    composed.worker.wait = wait
    try:
        return composed.worker.run(once=once)
    finally:
        parser().close()
