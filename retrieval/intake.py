"""The port to the intake: what became of every source that was handed in, whether or not it went in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from authz.resource import EntityId, TenantId
from retrieval.ingest.ingest import Outcome

State = Outcome | Literal["waiting", "retired", "refused", "failed"]
"""`refused`: it cannot go in as it is, and the reason names the mend. `failed`: what it needs kept failing."""

TAKEN: Final[frozenset[State]] = frozenset({"taken", "unchanged", "relabelled", "restored"})
"""It went in."""
OPEN: Final[frozenset[State]] = frozenset({"waiting", "refused", "failed"})
"""It did not, or not yet."""
MAX_REASON = 2_000
"""Characters that are kept of a reason."""


@dataclass(frozen=True, slots=True)
class IntakeEntry:
    """One source of one tenant, and what became of it last; no text of a document stands in it."""

    tenant: TenantId
    source: str
    """As the registry's record names it: a URI."""
    state: State
    actor: str
    updated: int
    """Epoch milliseconds."""
    reason: str | None = None
    """Ours, with the mend."""
    document: EntityId | None = None
    """Which document the source became: its manifest may not say so any more."""
    collections: frozenset[str] = frozenset()
    object: str | None = None
    """The object's version that was taken; of an upload, SHA-256 in hex of what was staged."""
    title: str | None = None
    """SHA-256 in hex of the title that the manifest stated for it."""
    follows: int | None = None
    """The registry's revision when this object began to be taken: a retirement at a later one wins over it."""
    attempts: int = 0


class Intake(Protocol):
    """Remembers one entry for each source. Every method raises `IntakeUnavailableError`; reads are consistent."""

    def note(self, entry: IntakeEntry) -> None:
        """Write `entry` over what is there of its source; a reason is cut at `MAX_REASON` characters."""
        ...

    def of(self, tenant: TenantId, source: str) -> IntakeEntry | None:
        """Return the entry of `source`, or None."""
        ...

    def scan(self, tenant: TenantId) -> Iterator[IntakeEntry]:
        """Yield every entry of `tenant`: for operators and for those who clear up."""
        ...


def bounded(reason: str | None) -> str | None:
    """Return `reason` with at most `MAX_REASON` characters."""
    if reason is None or len(reason) <= MAX_REASON:
        return reason
    return f"{reason[: MAX_REASON - 1]}…"
