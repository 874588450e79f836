"""From what became of a folder's documents to the intake: what did not go in stands there until it does."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from authz.schema import to_milliseconds
from retrieval.deadline import Clock
from retrieval.ingest.folder import Folder, Progress
from retrieval.intake import OPEN, Intake, IntakeEntry


def noted(folder: Folder, run: Iterable[Progress], intake: Intake, clock: Clock) -> Iterator[Progress]:
    """Yield the events of `run`, noting each source that was refused or is missing, and clearing those that went in.

    Raises `IntakeUnavailableError`.
    """
    tenant = folder.manifest.tenant
    waiting = {each.source: each for each in intake.scan(tenant) if each.state in OPEN}
    left = {source: each for source, each in waiting.items() if source.startswith(folder.source)}
    for event in run:
        source, now = folder.source + event.path, to_milliseconds(clock())
        former = left.pop(source, None)
        if event.fate == "refused" or event.fate == "missing":  # noqa: PLR1714 - so that the types are told apart
            intake.note(IntakeEntry(tenant, source, "refused", folder.actor, now, event.reason))
        elif event.fate != "gone" and former is not None:
            intake.note(replace(former, state=event.fate, reason=None, attempts=0, updated=now))
        yield event
    for former in left.values():  # neither in the folder nor in its manifest any more
        intake.note(replace(former, state="retired", reason=None, updated=to_milliseconds(clock())))
