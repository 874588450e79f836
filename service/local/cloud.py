"""From a command line to the local cloud: AWS's services and Bedrock's wire on two ports of loopback, in one process.

Everything lives in memory and is gone when it ends. When it is ready it prints its endpoints as one line of JSON; it
ends on SIGTERM, on SIGINT, and when the process that started it has ended.
"""

import argparse
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import HTTPServer

from service.local.bedrock_wire import BedrockServer
from service.local.errors import ModelFileError
from service.local.faults import fault_models
from service.local.loopback import HOST
from service.local.minilm import MODEL_ID, MiniLM
from service.local.models import ANSWERS, embedder, real_models
from service.local.moto_server import aws_server

_PARENT_CHECK = 0.5
"""Seconds between two looks at the parent."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for; a port of 0 is any free one, `word_delay` is in seconds."""

    port_moto: int = 0
    port_bedrock: int = 0
    word_delay: float = 0.01
    faults: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the local cloud until it is told to stop; return the exit status."""
    logging.basicConfig(level=logging.ERROR, format="local cloud: %(message)s")
    options, parent, stop = _options(arguments), os.getppid(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        servers = _servers(options)
    except (ModelFileError, OSError) as error:
        sys.stderr.write(f"local cloud: {error}\n")
        return 1
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(json.dumps(_endpoints(*servers)) + "\n")
    sys.stdout.flush()
    while not stop.wait(_PARENT_CHECK) and os.getppid() == parent:
        pass
    for server in servers:
        server.shutdown()
        server.server_close()
    return 0


def _servers(options: Options) -> tuple[HTTPServer, HTTPServer]:
    model = MiniLM()
    models = dict(real_models(model, options.word_delay))
    if options.faults:
        models |= fault_models(embedder(model))
    return aws_server(options.port_moto), BedrockServer(options.port_bedrock, models)


def _endpoints(aws: HTTPServer, bedrock: HTTPServer) -> dict[str, str]:
    return {
        "aws": f"http://{HOST}:{aws.server_port}",
        "bedrock": f"http://{HOST}:{bedrock.server_port}",
        "answers": ANSWERS,
        "embeddings": MODEL_ID,
    }


def _options(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m service.local.cloud", description=__doc__)
    parser.add_argument("--port-moto", type=int, default=0, metavar="N", help="port of the AWS services (0: any)")
    parser.add_argument("--port-bedrock", type=int, default=0, metavar="N", help="port of Bedrock's wire (0: any)")
    parser.add_argument("--word-delay", type=float, default=0.01, metavar="SECONDS", help="pause before a word (0.01)")
    parser.add_argument("--faults", action="store_true", help="also serve the models that fail on purpose, for tests")
    return Options(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())
