"""Evidence made by hand: strict mypy refuses each line, and the seal refuses it when it runs."""

from datetime import datetime

from authz.condition import ALWAYS
from authz.directory import Entitlements, Principal
from authz.identity import Identity
from authz.resource import EntityId, TenantId
from authz.scope import Scope
from retrieval.admission import Passage
from retrieval.audit import Receipt
from retrieval.record import Retrieval
from service.prompt import Prompt


def identity(now: datetime) -> Identity:
    """Claim to be somebody, without a token."""
    return Identity("https://issuer", "alice", frozenset({TenantId("acme")}), None, frozenset(), now)  # type: ignore[call-arg]


def principal(someone: Identity, held: Entitlements) -> Principal:
    """Hold what no directory said."""
    return Principal(someone, held)  # type: ignore[call-arg]


def scope(someone: Principal, now: datetime) -> Scope:
    """Open everything."""
    return Scope(someone, ALWAYS, "0" * 64, now, "a seal")  # type: ignore[arg-type]


def passage(text: str) -> Passage:
    """Admit a text that nobody decided on."""
    document = EntityId("acme/plan")
    return Passage(document, "k", 1, 1, 1, 0, len(text), None, "00", ("readers",), "title", text)  # type: ignore[call-arg]


def retrieval(passages: tuple[Passage, ...], receipt: Receipt) -> Retrieval:
    """Bind passages to a record that was never written."""
    return Retrieval(passages, (), receipt, seal=None)  # type: ignore[arg-type]


def prompt(text: str, receipt: Receipt) -> Prompt:
    """Send any text to the model."""
    return Prompt("system", text, (), receipt)  # type: ignore[call-arg]


def widened(found: Scope) -> None:
    """Widen a scope that was properly made."""
    found.condition = ALWAYS  # type: ignore[misc]


class OwnScope(Scope):  # type: ignore[misc]
    """Inherit from evidence."""
