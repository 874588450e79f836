"""`/sign-in`, `/sign-out`: a new session id at each sign-in, and nothing left of one that is over."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from authz.errors import InvalidTokenError
from authz.identity import identify
from service.request import dependencies
from service.sessions import Held, Session, Sessions, SignedIn, SlotName, Started
from service.web.errors import SignInError
from service.web.forms import OpenForm
from service.web.origin import own_path
from service.web.parts import Picking, Proof, Redirecting, Web
from service.web.route import OpenRoute
from service.web.visiting import COOKIE, slot_of, web

router = APIRouter(route_class=OpenRoute, include_in_schema=False)

_PATIENCE = timedelta(minutes=10)
"""How long a sign-in may stay at the issuer."""
_UNDER_WAY = 4
"""Sign-ins that one browser may have under way: two tabs, and some that were given up."""
_ATTEMPTS = 5
_RANDOM = 32
_MAX = 2048
Text = Annotated[str, Query(max_length=_MAX)]


@router.get("/sign-in")
def show_sign_in(request: Request, back: Text = "/", out: Text = "") -> Response:
    """Show who may be picked, or where one signs in."""
    parts = web(request)
    held = parts.sessions.read(request.cookies.get(COOKIE))
    slots = held.session.slots if held else {}
    picking = parts.sign_in if isinstance(parts.sign_in, Picking) else None
    values = {
        "slot": slot_of(request),
        "slots": {name: each.name for name, each in slots.items()},
        "back": own_path(back),
        "out": out == "1",
        "people": picking.people if picking else (),
        "issuer": None if picking else _redirecting(parts).name,
        "leaving": _redirecting(parts).leaving() if out == "1" and not picking else None,
    }
    return parts.pages.page("sign_in.html", values)


@router.post("/sign-in")
def begin_sign_in(request: Request, form: OpenForm) -> Response:
    """Sign in the person that was picked, or begin a sign-in at the issuer."""
    parts, back = web(request), own_path(form.get("back", "/"))
    if "person" in form:
        if not isinstance(parts.sign_in, Picking):
            message = "nobody is picked where an issuer signs people in"
            raise SignInError(message)
        return _signed_in(request, slot_of(request), parts.sign_in.sign_in(form["person"]), back, None)
    issuer = _redirecting(parts)
    state, nonce, verifier = (secrets.token_urlsafe(_RANDOM) for _ in range(3))
    address = issuer.address(state, nonce, verifier)
    started = Started(slot_of(request), nonce, verifier, back, dependencies(request).now() + _PATIENCE)
    # A link and a refresh instead of a redirect: `form-action 'self'` stays as strict as it is.
    response = parts.pages.page("leaving.html", {"address": address, "issuer": issuer.name})
    _begin(request, response, state, started)
    return response


@router.get("/sign-in/callback")
def complete_sign_in(request: Request, state: Text = "", code: Text = "", error: Text = "") -> Response:
    """Complete the sign-in that this very browser began, once."""
    started = _taken(request, state)
    if error or not code:
        message = "the issuer signed nobody in"
        raise SignInError(message)
    proof = _redirecting(web(request)).complete(code, started.nonce, started.verifier)
    return _signed_in(request, started.slot, proof, started.back, state)


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """Forget the session with every token in it, whoever is in it, and the cookie."""
    web(request).sessions.end(request.cookies.get(COOKIE))
    response = RedirectResponse("/sign-in?out=1", 303)
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response


def _redirecting(parts: Web) -> Redirecting:
    if isinstance(parts.sign_in, Picking):
        message = "no issuer signs people in here"
        raise SignInError(message)
    return parts.sign_in


def _begin(request: Request, response: Response, state: str, started: Started) -> None:
    """Remember what was begun, in the browser's session or a new one. Raises `SignInError`."""
    sessions, cookie, now = web(request).sessions, request.cookies.get(COOKIE), dependencies(request).now()

    def with_it(session: Session) -> Session:
        waiting = {name: each for name, each in session.started.items() if each.until > now}
        kept = dict(list(waiting.items())[-(_UNDER_WAY - 1) :])
        return replace(session, started={**kept, state: started})

    if _changed(sessions, cookie, with_it) is None:
        _set(response, sessions.create(with_it(sessions.fresh())))


def _taken(request: Request, state: str) -> Started:
    """Return what was begun under `state`, forgotten before the issuer is asked anything: no code is used twice."""
    now = dependencies(request).now()

    def without_it(session: Session) -> Session | None:
        if state not in session.started:
            return None
        return replace(session, started={name: each for name, each in session.started.items() if name != state})

    before = _changed(web(request).sessions, request.cookies.get(COOKIE), without_it)
    started = before.started.get(state) if before else None
    if started is None or started.until <= now:
        message = "this sign-in was not begun here, or too long ago, or is complete"
        raise SignInError(message)
    return started


def _changed(sessions: Sessions, cookie: str | None, change: Callable[[Session], Session | None]) -> Session | None:
    """Change the session of `cookie` against other tabs, and return it as it was; None if there is nothing to change.

    Raises `SignInError` if too many tabs change it at once.
    """
    for _ in range(_ATTEMPTS):
        held = sessions.read(cookie)
        changed = change(held.session) if held else None
        if held is None or changed is None or cookie is None:
            return None
        if sessions.write(cookie, Held(changed, held.version)):
            return held.session
    message = "this browser signs in from too many tabs at once"
    raise SignInError(message)


def _signed_in(request: Request, slot: SlotName, proof: Proof, back: str, state: str | None) -> Response:
    """Put `proof` into its slot, once the gate that every request goes through accepts it."""
    on, parts, cookie = dependencies(request), web(request), request.cookies.get(COOKIE)
    try:
        identity = identify(proof.token, on.keys, on.issuers, on.now())
    except InvalidTokenError as error:
        message = "the issuer's token is not accepted here: see its settings (audience, type, token_use)"
        raise SignInError(message) from error
    signed = SignedIn(proof.token, proof.name, identity.expires_at)

    def with_it(session: Session) -> Session:
        begun = on.now() if not session.slots else session.begun
        started = {name: each for name, each in session.started.items() if name != state}
        return replace(session, begun=begun, slots={**session.slots, slot: signed}, started=started)

    new = parts.sessions.exchange(cookie, with_it)
    if new is None:
        message = "another tab of this browser signed in or out at the same time"
        raise SignInError(message)
    response = RedirectResponse(_back(back, slot), 303)
    _set(response, new)
    return response


def _back(back: str, slot: SlotName) -> str:
    return f"/ask?slot={quote(slot)}" if back == "/" else back


def _set(response: Response, cookie: str) -> None:
    response.set_cookie(COOKIE, cookie, path="/", secure=True, httponly=True, samesite="lax")
