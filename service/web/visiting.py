"""From a browser's cookie to the call of the one person whose page it is: their own token, verified anew each time."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Request

from authz.decision import TenantAction, decide_on_tenant
from authz.directory import Principal
from authz.errors import InvalidTokenError
from authz.identity import BearerToken, identify
from service.request import Authenticated, Call, dependencies
from service.sessions import SLOTS, Held, SlotName
from service.web.errors import SignedOutError
from service.web.parts import Web

COOKIE = "__Host-antechamber"
"""The prefix binds it to this very host and to `Secure` (RFC 6265bis §4.1.3): no neighbour can plant one.

Browsers set it over plain HTTP on loopback alone, which they trust as they trust TLS.
"""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody at a page: their call, and the session that the page is shown in."""

    call: Call
    web: Web
    held: Held
    slot: SlotName

    def may(self, principal: Principal, action: TenantAction) -> bool:
        """Return whether the policies let `principal` do `action` in their tenant."""
        call = self.call
        return decide_on_tenant(principal.entitlements, action, principal.tenant, call.policies, call.now).allowed

    def frame(self, principal: Principal, here: str) -> dict[str, object]:
        """Return what every page shows: who is signed in, in which slot this page is, and where they may go."""
        slots = {name: each for name, each in self.held.session.slots.items() if each.expires > self.call.now}
        return {
            "here": here,
            "slot": self.slot,
            "name": slots[self.slot].name,
            "others": [(name, slots[name].name) for name in SLOTS if name in slots and name != self.slot],
            "auditor": self.may(principal, "readAudit"),
            "operator": self.may(principal, "operate"),
            "writes": self.call.on.writing is not None,
            "extractive": self.web.model_is_extractive,
        }

    def beside(self, slot: SlotName) -> "Visitor | None":
        """Return who is signed in in the other `slot`, by their own token; None if nobody is any more.

        They have a place and a count of their own: whoever asks for them ends their call. A token that is not good any
        more is nobody's. Raises `BusyError`, `SigningKeysUnavailableError`, and what the limits raise.
        """
        call, signed = self.call, self.held.session.slots.get(slot)
        if signed is None or signed.expires <= call.now:
            return None
        on = call.on
        place = on.streams.enter()
        try:
            identity = identify(signed.token, on.keys, on.issuers, call.now)
            place.at_last(on.limits.enter(identity))
        except InvalidTokenError as error:
            place.leave()
            on.metrics.token_refused(str(getattr(error, "reason", "unknown")), call.id)
            return None
        except BaseException:
            place.leave()
            raise
        return replace(self, slot=slot, call=replace(call, identity=identity, place=place))


def web(request: Request) -> Web:
    """Return what the pages are made of."""
    found = dependencies(request).web
    if found is None:
        message = "pages are mounted only where the settings describe them"
        raise TypeError(message)
    return found


def evidence(request: Request) -> BearerToken:
    """Return the token of who is signed in where `request` says it is from. Raises `SignedOutError`."""
    request.state.slot = slot_of(request)
    request.state.held = web(request).sessions.read(request.cookies.get(COOKIE))
    held: Held | None = request.state.held
    signed = held.session.slots.get(request.state.slot) if held else None
    if signed is None or signed.expires <= dependencies(request).now():
        raise SignedOutError
    return signed.token


def slot_of(request: Request) -> SlotName:
    """Return the slot that the address names, the first if it names none."""
    return "b" if request.query_params.get("slot") == "b" else "a"


async def visitor(request: Request, call: Authenticated) -> Visitor:
    """Return who is at the page."""
    return Visitor(call, web(request), request.state.held, request.state.slot)


Visiting = Annotated[Visitor, Depends(visitor)]
