"""What every route does first: a request id, a bearer token, an identity, a principal."""

import re
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from datetime import datetime
from functools import partial
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
from retrieval.tracing import step
from service.capacity import Capacity, Place
from service.dependencies import APPLICATION, Dependencies

_T = TypeVar("_T")
Waiting = Callable[[], _T]
"""Returns what was begun beside this thread, once it is there."""
Evidence = Callable[[Request], BearerToken]
"""Finds a request's token: in its header, or in the session of the page that it comes from."""
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([^ ]+)")


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request: its one instant, its one policy set, its one deadline, and its place."""

    on: Dependencies
    id: str
    identity: Identity
    now: datetime
    policies: PolicySet
    deadline: Deadline
    place: Place

    def principal(self) -> Principal:
        """Return the caller's principal. Raises as `look_up` does."""
        self.deadline.left()
        with step("look-up"):
            return look_up(self.identity, self.on.directory)

    def index(self) -> Waiting[Index]:
        """Begin to look which index answers, beside what this thread does; call what is returned for the index.

        The call raises `RegistryUnavailableError`, `SearchUnavailableError` or `DeadlineExceededError`.
        """
        asked = self.place.run(partial(_index, self.on))
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
        retrieval = retrieve(find, principal, purpose, self.now, self.policies, self.on.stores, self.deadline)
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


async def enter(request: Request, capacity: Capacity, evidence: Evidence = bearer_token) -> Call:
    """Return the call of `request`: a place of `capacity` taken, its token verified, its person's limits kept.

    Raises `BusyError`, `InvalidTokenError`, `SigningKeysUnavailableError`, `TooManyRequestsError`,
    `LimitsUnavailableError` or `DeadlineExceededError`. No byte of the body is read.
    """
    deadline = Deadline.after(dependencies(request).bounds.deadline)
    place = capacity.enter()
    try:
        call = await place.within(deadline, partial(_counted, request, deadline, place, evidence))
    except BaseException:
        place.leave()
        raise
    request.state.call = call
    return call


def _counted(request: Request, deadline: Deadline, place: Place, evidence: Evidence) -> Call:
    """Return the call of `request`, its token verified, counted against its person's limits until its place is free."""
    on = dependencies(request)
    now = on.now()
    with step("identify"):
        identity = _identified(request, now, evidence)
    with step("count"):
        place.at_last(on.limits.enter(identity))
    return Call(on, request_id(request), identity, now, on.policies(), deadline, place)


def _identified(request: Request, now: datetime, evidence: Evidence) -> Identity:
    on = dependencies(request)
    try:
        return identify(evidence(request), on.keys, on.issuers, now)
    except InvalidTokenError as error:
        on.metrics.token_refused(str(getattr(error, "reason", "unknown")), request_id(request))
        raise


def _index(on: Dependencies) -> Index:
    with step("which-index"):
        return on.index()


async def authenticated(request: Request) -> Call:
    """Return the call that `enter` made of `request`. Raises `TypeError` on a route without bounds."""
    call = getattr(request.state, "call", None)
    if not isinstance(call, Call):
        message = "this route is no BoundedRoute: nobody has looked who asks"
        raise TypeError(message)
    return call


def request_id(request: Request) -> str:
    """Return this request's id: ours, never the client's."""
    if not hasattr(request.state, "id"):
        request.state.id = secrets.token_hex(8)
    return str(request.state.id)


Authenticated = Annotated[Call, Depends(authenticated)]
