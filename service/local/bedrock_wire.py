"""From HTTP requests to Bedrock's runtime API on loopback: Converse, ConverseStream and InvokeModel for embeddings.

It stands in for the wire only, so that boto3 is the real client; it sees nothing but what is in the request, and
checks no signature.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, final
from urllib.parse import unquote
from uuid import uuid4

from service.local import converse, embedding
from service.local.errors import BedrockError, BreakError, HangError, invalid
from service.local.event_stream import CONTENT_TYPE, event_frame, exception_frame
from service.local.loopback import HOST, is_foreign
from service.local.minilm import DIMENSIONS
from service.local.models import Chat, LocalModel, Models

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a request, far above any prompt that the application builds."""

_PATH = re.compile(r"/model/([^/?]+)/(converse|converse-stream|invoke)")
_LOG = logging.getLogger(__name__)


@final
class BedrockServer(ThreadingHTTPServer):
    """The listening server: a thread per connection, on loopback only."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, models: Models) -> None:
        self.models = models
        super().__init__((HOST, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - the base class's own types
        """Log what ended a connection by its type alone; a client that went away is no error."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            _LOG.error("a request to the local Bedrock ended by %s", type(error).__name__)


class _Handler(BaseHTTPRequestHandler):
    server: BedrockServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        try:
            self._answer()
        except BedrockError as error:
            self._send(error.status, {"message": str(error)}, error.kind)
        except HangError:
            self._hang()
        except BreakError:
            self.close_connection = True

    def _answer(self) -> None:
        body = self._body()
        model_id, operation = self._target()
        model = self.server.models.get(model_id)
        if model is None:
            message = "The provided model identifier is invalid."
            raise invalid(message)
        if operation == "invoke":
            self._invoke(model, body)
        elif operation == "converse":
            self._send(200, converse.response(_reply(model, body)))
        else:
            self._stream(converse.events(_reply(model, body)))

    def _target(self) -> tuple[str, str]:
        found = _PATH.fullmatch(self.path)
        if found is None:
            message = "There is no such operation here."
            raise BedrockError(404, "UnknownOperationException", message)
        return unquote(found[1]), found[2]

    def _body(self) -> dict[str, Any]:
        """Return the request's JSON object, whose every string can be written as UTF-8."""
        self._check_sender()
        try:
            size = int(self.headers.get("Content-Length", ""))
            if not 0 <= size <= MAX_BODY:
                raise ValueError  # noqa: TRY301 - every malformed body ends the same way
            body = json.loads(self.rfile.read(size))
            json.dumps(body, ensure_ascii=False).encode()
            if isinstance(body, dict):
                return body
        except (ValueError, RecursionError):
            # What was not read would be taken for the next request.
            self.close_connection = True
        message = f"The request body must be one JSON object of at most {MAX_BODY} bytes."
        raise invalid(message)

    def _check_sender(self) -> None:
        if is_foreign(self.headers.get("Host"), self.headers.get("Origin")):
            self.close_connection = True
            message = "Only programs on this machine may call."
            raise BedrockError(403, "AccessDeniedException", message)

    def _invoke(self, model: LocalModel, body: Mapping[str, Any]) -> None:
        if model.embed is None:
            message = "This model does not support InvokeModel."
            raise invalid(message)
        self._send(200, embedding.output(model.embed(embedding.input_text(body, DIMENSIONS))))

    def _stream(self, events: Iterator[converse.Event]) -> None:
        """Send `events` as frames; the first is awaited before the status, so that early errors are the status."""
        first = next(events)
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("x-amzn-RequestId", str(uuid4()))
        self.end_headers()
        self._chunk(event_frame(*first))
        try:
            for event in events:
                self._chunk(event_frame(*event))
        except BedrockError as error:
            self._chunk(exception_frame(error.kind[0].lower() + error.kind[1:], str(error)))
        except BreakError:
            self._break_off()
            return
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _break_off(self) -> None:
        """Announce a whole frame, send half of it, and close."""
        frame = event_frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "never whole"}})
        self.wfile.write(b"%x\r\n%b" % (len(frame), frame[: len(frame) // 2]))
        self.close_connection = True

    def _hang(self) -> None:
        """Say nothing more until the client goes away."""
        self.connection.recv(1)
        self.close_connection = True

    def _send(self, status: int, body: Mapping[str, object], error: str | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("x-amzn-RequestId", str(uuid4()))
        if error is not None:
            self.send_header("x-amzn-ErrorType", error)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing: the demo's terminal belongs to the demo."""


def _reply(model: LocalModel, body: Mapping[str, Any]) -> converse.Reply:
    chat: Chat | None = model.chat
    if chat is None:
        message = "This model does not support Converse."
        raise invalid(message)
    conversation = converse.conversation(body)
    return converse.Reply(conversation, chat(conversation))
