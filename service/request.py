"""What every route does first: a request id, a bearer token, an identity, a principal."""

import re
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from authz.directory import Principal, look_up
from authz.errors import InvalidTokenError
from authz.identity import BearerToken, Identity, identify
from authz.policy_set import PolicySet
from authz.token import Reason, RefusedTokenError
from retrieval.audit import Outcome, Receipt
from retrieval.deadline import Deadline
from retrieval.errors import DeadlineExceededError
from retrieval.index import Index
from retrieval.record import Event, Purpose, Retrieval
from retrieval.retrieve import Find, retrieve
from service.dependencies import APPLICATION, Dependencies

_T = TypeVar("_T")
Waiting = Callable[[], _T]
"""Returns what was begun beside this thread, once it is there."""
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([^ ]+)")


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request: its one instant, its one policy set, its one deadline."""

    on: Dependencies
    id: str
    identity: Identity
    now: datetime
    policies: PolicySet
    deadline: Deadline

    def principal(self) -> Principal:
        """Return the caller's principal. Raises as `look_up` does."""
        return look_up(self.identity, self.on.directory)

    def index(self) -> Waiting[Index]:
        """Begin to look which index answers, beside what this thread does; call what is returned for the index.

        The call raises `RegistryUnavailableError`, `SearchUnavailableError` or `DeadlineExceededError`.
        """
        asked = self.on.pool.submit(self.on.index)
        return lambda: in_time(asked, self.deadline)

    def purpose(
        self,
        event: Event,
        question: str | None = None,
        *,
        model: str | None = None,
        guardrail: str | None = None,
        template: str | None = None,
        budget: int | None = None,
    ) -> Purpose:
        """Return the purpose of what this call retrieves."""
        return Purpose(
            event, self.id, APPLICATION, question, model=model, guardrail=guardrail, template=template, budget=budget
        )

    def retrieve(self, find: Find, principal: Principal, purpose: Purpose) -> Retrieval:
        """Return what `find` finds for `principal`, and count what door two refused."""
        retrieval = retrieve(find, principal, purpose, self.now, self.policies, self.on.stores)
        self.on.metrics.refused(retrieval.refused, self.id)
        return retrieval

    def close(self, receipt: Receipt, outcome: Outcome) -> None:
        """Close the record of `receipt`; if it cannot be, count the fault, and let the opening record stand."""
        try:
            self.on.stores.audit.close(receipt, outcome, {})
        except Exception as error:  # noqa: BLE001 - it says what was disclosed, and shows as never closed
            self.on.metrics.fault(error, self.id)


def in_time(begun: "Future[_T]", deadline: Deadline) -> _T:
    """Return the result of what was `begun`, or raise what it raises. Raises `DeadlineExceededError`."""
    try:
        return begun.result(deadline.left())
    except FutureTimeoutError as error:
        begun.cancel()
        message = "what was begun beside the directory took longer than the request may"
        raise DeadlineExceededError(message) from error


def dependencies(request: Request) -> Dependencies:
    """Return what the composition root handed to `create_app`."""
    on = request.app.state.dependencies
    if not isinstance(on, Dependencies):
        message = "create_app was not given its dependencies"
        raise TypeError(message)
    return on


def bearer_token(request: Request) -> BearerToken:
    """Return the request's one bearer token (RFC 6750 §2.1), unverified. Raises `InvalidTokenError`."""
    headers = request.headers.getlist("authorization")
    found = _BEARER.fullmatch(headers[0]) if len(headers) == 1 else None
    if found is None:
        raise RefusedTokenError(Reason.ABSENT)
    return BearerToken(found[1])


def authenticated(request: Request) -> Call:
    """Return the call of `request`, its token verified. Raises `InvalidTokenError` or `SigningKeysUnavailableError`."""
    on = dependencies(request)
    now, deadline = on.now(), Deadline.after(on.bounds.deadline)
    try:
        identity = identify(bearer_token(request), on.keys, on.issuers, now)
    except InvalidTokenError as error:
        on.metrics.token_refused(str(getattr(error, "reason", "unknown")), request_id(request))
        raise
    return Call(on, request_id(request), identity, now, on.policies(), deadline)


def limited(request: Request) -> Iterator[Call]:
    """Yield the authenticated call of `request`, counted against its person's limits while it runs."""
    call = authenticated(request)
    with call.on.limits.hold(call.identity):
        yield call


def request_id(request: Request) -> str:
    """Return this request's id: ours, never the client's."""
    if not hasattr(request.state, "id"):
        request.state.id = secrets.token_hex(8)
    return str(request.state.id)


Authenticated = Annotated[Call, Depends(limited)]
