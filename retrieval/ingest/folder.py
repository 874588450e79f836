"""From a folder with its access manifest to registry and index: one event for each document, whatever becomes of it."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Literal

from retrieval.errors import ConflictError, SourceError
from retrieval.ingest.destination import Destination
from retrieval.ingest.ingest import Outcome, ingest
from retrieval.ingest.manifest import NAME, Manifest, Resolve
from retrieval.ingest.source import MAX_SOURCE_BYTES, SourceItem, hint

Fate = Outcome | Literal["refused", "missing", "gone"]
"""`missing`: the manifest names it, and there is no such file. `gone`: it came from here once, and is served still."""


_GONE = "no longer in the folder, and still served: retire it with `antechamber delete`"


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of one document, and how many of how many are done."""

    path: str
    fate: Fate
    reason: str | None
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A run: how many documents met each fate, and why some were not taken."""

    counts: Mapping[Fate, int]
    refused: tuple[Progress, ...]
    """What was refused or is missing, with the reason."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder's documents, who ingests them, and the beginning of their source URIs."""

    root: Path
    manifest: Manifest
    resolve: Resolve
    actor: str
    source: str = "folder:"
    """Tells this folder from others: what came from it and is no longer there is found by it."""


def ingest_folder(folder: Folder, to: Destination) -> Iterator[Progress]:
    """Ingest every document of `folder`, yielding what became of each: one that is refused does not stop the rest.

    A dependency that fails does: the next run continues. Raises what `ingest` raises but `SourceError` and
    `ConflictError`.
    """
    paths = list(listed(folder.root))
    missing = sorted(folder.manifest.documents.keys() - set(paths))
    total = len(missing) + len(paths)
    for done, path in enumerate(missing, start=1):
        yield Progress(path, "missing", f"{NAME} names it, and there is no such file", done, total)
    taken: set[str] = set()
    for done, path in enumerate(paths, start=len(missing) + 1):
        fate, reason = _ingest_one(folder, path, taken, to)
        yield Progress(path, fate, reason, done, total)
    yield from (Progress(path, "gone", _GONE, total, total) for path in _gone(folder, set(paths), to))


def _gone(folder: Folder, there: set[str], to: Destination) -> Iterator[str]:
    """Yield the paths of what this folder once held: nothing is retired because a file could not be seen."""
    for record in to.registry.scan(folder.manifest.tenant):
        path = record.source.removeprefix(folder.source)
        if record.status == "active" and path != record.source and path not in there:
            yield path


def summary(run: Iterable[Progress]) -> Summary:
    """Return the summary of a `run`, once it is through."""
    events = tuple(run)
    counts: Counter[Fate] = Counter(event.fate for event in events)
    return Summary(MappingProxyType(dict(counts)), tuple(event for event in events if event.reason is not None))


def _ingest_one(folder: Folder, path: str, taken: set[str], to: Destination) -> tuple[Fate, str | None]:
    try:
        item = _item(folder, path)
        if item.name in taken:
            return "refused", f'another document of this folder has the id "{item.name}"'
        taken.add(item.name)
        return ingest(item, to).outcome, None
    except (SourceError, ConflictError) as error:
        return "refused", str(error)


def _item(folder: Folder, path: str) -> SourceItem:
    kind = hint(path)
    check_name(path)
    access = folder.manifest.access(path, folder.resolve)
    return SourceItem(
        tenant=folder.manifest.tenant,
        name=access.name,
        content=_content(folder.root / path),
        media_type=kind,
        title=access.title,
        source=folder.source + path,
        attributes=access.attributes,
        collections=access.collections,
        actor=folder.actor,
    )


def check_name(path: str) -> None:
    """Return if `path` is no manifest in a deeper folder: it would be read as a text. Raises `SourceError`."""
    if PurePosixPath(path).name == NAME:
        message = f"an {NAME} counts only at the top of its folder: say there what it says"
        raise SourceError(message)


def _content(path: Path) -> bytes:
    # The attributes are those of the link's path; what it points to has its own.
    if path.is_symlink() or not path.is_file():
        message = "a link or a special file, not a document"
        raise SourceError(message)
    try:
        with path.open("rb") as file:
            return file.read(MAX_SOURCE_BYTES + 1)
    except OSError as error:
        message = "the file cannot be read"
        raise SourceError(message) from error


def listed(root: Path) -> Iterator[str]:
    """Yield every file beneath `root`, and links to folders, but nothing hidden and not the manifest; sorted."""
    for where, folders, files in os.walk(root, onerror=_unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if (Path(where) / name).is_symlink()]
        for name in sorted([*files, *links]):
            path = (Path(where) / name).relative_to(root).as_posix()
            if path != NAME and not name.startswith("."):
                yield path


def _unreadable(error: OSError) -> None:
    message = "a folder cannot be read"
    raise SourceError(message) from error
