"""From HTTP requests to moto: the AWS services of the demo, in memory, on loopback, one request at a time."""

import copy
import threading
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from io import BytesIO
from typing import Any, final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from moto.dynamodb.models.table import Table
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound, RequestEntityTooLarge
from werkzeug.serving import BaseWSGIServer, make_server

from service.local.long_polling import LongPolling
from service.local.loopback import HOST, is_foreign

SERVICES = frozenset({"cognitoidp", "dynamodb", "kms", "s3", "sqs"})
"""All that the application uses, by moto's names. Of the others, some run code, call out or reset everything: shut."""

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a request; a larger document is not for the demo."""


def aws_server(port: int) -> BaseWSGIServer:
    """Return moto's server, listening on loopback at `port` (0: any free one); each service loads at its first use."""
    Table.__deepcopy__ = _snapshot  # type: ignore[attr-defined]
    application = LongPolling(OneAtATime(_Services(create_backend_app)))
    return make_server(HOST, port, application, threaded=True, request_handler=_Handler)


def _snapshot(table: Table, _: object) -> Table:
    """Copy `table` down to its items, which are shared.

    moto keeps a deep copy of every table of a transaction to roll back to, so that each record costs more than the one
    before (measured: 10 ms at first, 120 ms after 600). Putting and deleting replace items, and the application's
    transactions do nothing else, so this is all that a rollback needs.
    """
    copied = copy.copy(table)
    copied.items = defaultdict(dict)
    copied.items.update({key: dict(held) if type(held) is dict else held for key, held in table.items.items()})
    return copied


@cache
def _tell_of_markers() -> None:
    """Let a bucket with versions notify of a deletion, as S3 does; moto tells only of those without."""
    from moto.s3 import models  # noqa: PLC0415 - loads at its first use, as every service here
    from moto.s3.notifications import S3NotificationEvent, send_event  # noqa: PLC0415 - likewise

    mark = models.S3Backend._set_delete_marker  # noqa: SLF001 - pinned exactly, and tested

    def marked(backend: models.S3Backend, bucket: str, key: str) -> Any:  # noqa: ANN401 - moto's own
        deleted, marker = backend.get_object(bucket, key), mark(backend, bucket, key)
        if deleted is not None:
            event = S3NotificationEvent.OBJECT_REMOVED_DELETE_MARKER_CREATED_EVENT
            send_event(backend.account_id, event, backend.get_bucket(bucket), deleted)
        return marker

    models.S3Backend._set_delete_marker = marked  # type: ignore[method-assign,assignment]  # noqa: SLF001 - likewise


@final
class OneAtATime:
    """A WSGI application behind one lock: moto's DynamoDB loses conditional updates when threads meet in it (measured).

    Request and response pass whole, the lock is held for neither, so that a slow client holds up nobody.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            _check_sender(environ)
            environ["wsgi.input"] = BytesIO(_body(environ))
            with self._lock:
                return _whole(self._application(environ, start_response))
        except HTTPException as refusal:
            return refusal(environ, start_response)


def _check_sender(environ: WSGIEnvironment) -> None:
    if is_foreign(environ.get("HTTP_HOST"), environ.get("HTTP_ORIGIN")):
        raise Forbidden


def _body(environ: WSGIEnvironment) -> bytes:
    """Return the request's body, sent with its length or in chunks."""
    try:
        size = MAX_BODY + 1 if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError as error:
        raise BadRequest from error
    if size < 0:
        raise BadRequest
    body: bytes = environ["wsgi.input"].read(min(size, MAX_BODY + 1))
    if len(body) > MAX_BODY:
        raise RequestEntityTooLarge
    return body


def _whole(parts: Iterable[bytes]) -> list[bytes]:
    try:
        return list(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()


@final
class _Services(DomainDispatcherApplication):
    def get_backend_for_host(self, host: str | None) -> Any:  # noqa: ANN401 - the base class's own type
        """Return moto's name for the service at `host`, if there is one. Raises `NotFound` unless it is one of ours."""
        if host is None:
            return None
        service = super().get_backend_for_host(host)
        if service not in SERVICES:
            raise NotFound
        if service == "s3":
            _tell_of_markers()
        return service


@final
class _Handler(MotoRequestHandler):
    # Else each small answer waits for the acknowledgement of its own headers.
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: the demo's terminal belongs to the demo."""
