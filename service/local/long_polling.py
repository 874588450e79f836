"""From a long poll of SQS to short ones: moto would wait while it holds the lock of all services."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from typing import Any, final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_TARGET = "AmazonSQS.ReceiveMessage"
_WAIT = "WaitTimeSeconds"
_LONGEST = 20
_PAUSE = 0.1
"""Seconds between two looks at a queue."""

Head = tuple[str, list[tuple[str, str]]]


@final
class LongPolling:
    """A WSGI application whose long polls are asked of the one beneath again and again, without waiting in it."""

    def __init__(self, application: WSGIApplication, sleep: Callable[[float], None] = time.sleep) -> None:
        self._application = application
        self._sleep = sleep

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if environ.get("HTTP_X_AMZ_TARGET") != _TARGET:
            return self._application(environ, start_response)
        asked, seconds = _split(_read(environ))
        until = time.monotonic() + seconds
        while True:
            head, body = self._ask(environ, asked)
            if time.monotonic() >= until or not head[0].startswith("200") or _has_messages(body):
                start_response(*head)
                return [body]
            self._sleep(_PAUSE)

    def _ask(self, environ: WSGIEnvironment, body: bytes) -> tuple[Head, bytes]:
        heads: list[Head] = []

        def keep(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], object]:  # noqa: ANN401 - WSGI's own
            heads.append((status, headers))
            return lambda _: None

        asked = {**environ, "wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        asked.pop("wsgi.input_terminated", None)
        answer = b"".join(self._application(asked, keep))
        return heads[-1], answer


def _read(environ: WSGIEnvironment) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return body


def _split(body: bytes) -> tuple[bytes, float]:
    """Return the request without its wait, and the wait in seconds."""
    try:
        asked = json.loads(body)
        seconds = float(asked.pop(_WAIT, 0))
    except (ValueError, TypeError, AttributeError):
        return body, 0
    return json.dumps({**asked, _WAIT: 0}).encode(), min(max(seconds, 0), _LONGEST)


def _has_messages(body: bytes) -> bool:
    try:
        answer: Mapping[str, object] = json.loads(body)
        return bool(answer.get("Messages"))
    except (ValueError, AttributeError):
        return True
