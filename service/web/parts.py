"""What the pages are made of beside the application itself: gathered once by a composition root."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from authz.condition import Condition
from authz.identity import BearerToken
from authz.origins import Origins
from authz.resource import TenantId
from authz.schema import AttributeTypes
from retrieval.audit import Json, Receipt
from service.sessions import Sessions
from service.web.rendering import Pages


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody of the demo company, to be picked."""

    handle: str
    name: str
    tenant: str
    who: str
    instructive: str
    questions: Sequence[str] = ()
    """Worth asking as this person."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What an issuer gave for a completed sign-in."""

    token: BearerToken = field(repr=False)
    name: str
    """For the eye only."""


@runtime_checkable
class Picking(Protocol):
    """Signing in by picking somebody: the demo's way, and only the demo's."""

    people: Sequence[DemoPerson]

    def sign_in(self, handle: str) -> Proof:
        """Return the proof of the person called `handle`.

        Raises `SignInError` if nobody is, and `SignInUnavailableError`.
        """
        ...


class Redirecting(Protocol):
    """Signing in at an OIDC issuer: authorization code (OpenID Connect Core 1.0 §3.1) with PKCE (RFC 7636)."""

    name: str
    """The issuer, as the page calls it."""

    def address(self, state: str, nonce: str, verifier: str) -> str:
        """Return where the browser is sent. Raises `SignInUnavailableError`."""
        ...

    def complete(self, code: str, nonce: str, verifier: str) -> Proof:
        """Return what the issuer gives for `code`. Raises `SignInError` or `SignInUnavailableError`."""
        ...

    def leaving(self) -> str | None:
        """Return where the issuer's own session is ended, None if it names no such place."""
        ...


class Archive(Protocol):
    """What lies beside the records. Every method raises `AuditUnavailableError` if it cannot be read."""

    def personal(self, receipt: Receipt) -> Mapping[str, Json] | None:
        """Return the personal values beside a record, None if they are erased."""
        ...

    def kept(self, digest: str) -> bytes | None:
        """Return the policy set that is kept under `digest`."""
        ...

    def held(self, digest: str) -> bytes | None:
        """Return the entitlements that are kept under `digest`, None if they are erased."""
        ...


@dataclass(frozen=True, slots=True)
class Views:
    """What the pages that explain read beside the request's own path: nothing of it decides."""

    archive: Archive
    origins: Callable[[TenantId, str, str], Origins | None]
    """By tenant, issuer and subject. Raises `DirectoryUnavailableError`."""
    filter: Callable[[Condition, AttributeTypes], str]
    """Renders a condition as this deployment's index is asked it."""


@dataclass(frozen=True, slots=True)
class Web:
    """What `create_app` mounts the pages with; None of it, and there are no pages."""

    origin: str
    """The one origin under which browsers reach this, such as `https://ask.example.org`."""
    sessions: Sessions
    sign_in: Picking | Redirecting
    pages: Pages
    views: Views
    model_is_extractive: bool = False
    """The demo's: it quotes and generates nothing, and the page says so."""
