"""From a folder and its manifest to all that its author should know before ingestion: complaints, refusals, classes.

The manifest is read exactly as ingestion reads it. No document is opened, but for the beginning of one that is too
large for text: what its bytes are shows at ingestion.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from authz.errors import ResourceError
from authz.resource import Attributes, EntityId, TenantId, entity_id
from authz.schema import AttributeSchema
from authz.tenants import Tenants
from retrieval.errors import SourceError
from retrieval.ingest.folder import listed
from retrieval.ingest.manifest import NAME, Access, Manifest, manifest_bytes, try_manifest
from retrieval.ingest.manifest_yaml import Complaint, Node
from retrieval.ingest.nearest import Suggestions
from retrieval.ingest.parse import MAX_TEXT_BYTES
from retrieval.ingest.source import MAX_SOURCE_BYTES

_HEAD = 4_096
"""Bytes in which a PDF's mark stands, whatever is before it."""

People = Callable[[TenantId], Collection[str]]
"""The handles of everybody in a tenant."""


@dataclass(frozen=True, slots=True)
class AccessClass:
    """Documents of the same access: how many, and the first of them."""

    attributes: Attributes
    collections: frozenset[str]
    documents: int
    example: str


@dataclass(frozen=True, slots=True)
class Review:
    """What is to be said of a manifest and its folder. With complaints, nothing of the folder is known."""

    tenant: TenantId | None = None
    complaints: tuple[Complaint, ...] = ()
    """What stops the manifest: no document would be taken."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Paths of files that would be refused, each with the reason."""
    missing: tuple[Complaint, ...] = ()
    """Entries of which there is no file."""
    strangers: tuple[Complaint, ...] = ()
    """People whom the directory does not know: the documents that name them would be refused."""
    classes: tuple[AccessClass, ...] = ()
    """The largest first."""


def review(root: Path, schema: AttributeSchema, tenants: Tenants, people: People | None = None) -> Review:
    """Return what is to be said of the folder `root` and its manifest; of people only if they are given.

    Raises `SourceError` if the manifest or a folder cannot be read.
    """
    content, files = manifest_bytes(root / NAME), list(listed(root))
    folders = {parent.as_posix() for each in files for parent in PurePosixPath(each).parents}
    reading = try_manifest(content, lambda each: (root / each).is_dir(), schema, tenants, folders)
    manifest = reading.manifest
    if manifest is None or reading.root is None:
        return Review(complaints=reading.complaints)
    refused: dict[str, str] = {}
    classes = _classes(_allowed(root, files, manifest, refused))
    known = people(manifest.tenant) if people else None
    return Review(
        manifest.tenant,
        refused=refused,
        missing=tuple(_missing(reading.root, manifest, files)),
        strangers=() if known is None else tuple(_strangers(reading.root, manifest, known)),
        classes=tuple(sorted(classes, key=lambda each: -each.documents)),
    )


def _allowed(
    root: Path, files: Iterable[str], manifest: Manifest, refused: dict[str, str]
) -> Iterator[tuple[str, Access]]:
    """Yield each document that would be taken with its access, and gather why the others would be `refused`."""

    def anybody(handle: str) -> EntityId:
        try:
            return entity_id(manifest.tenant, handle)
        except ResourceError as error:
            message = f'"{handle}" is nobody: {error}'
            raise SourceError(message) from error

    taken: dict[str, str] = {}
    for path in files:
        try:
            _check_file(root / path)
            access = manifest.access(path, anybody)
            _check_id(path, access, manifest.tenant, taken)
        except SourceError as error:
            refused[path] = str(error)
        else:
            yield path, access


def _check_file(path: Path) -> None:
    if path.is_symlink() or not path.is_file():
        message = "a link or a special file, not a document"
        raise SourceError(message)
    size = path.stat().st_size
    most = MAX_SOURCE_BYTES if size > MAX_TEXT_BYTES and _may_be_paged(path) else MAX_TEXT_BYTES
    if size > most:
        message = f"{size:,} bytes; at most {most:,} are read: split the document"
        raise SourceError(message)


def _may_be_paged(path: Path) -> bool:
    """Return False where ingestion will certainly take the file for neither PDF nor DOCX, of which more is read."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        message = "the file cannot be read"
        raise SourceError(message) from error
    return head.startswith(b"PK") or b"%PDF-" in head


def _check_id(path: str, access: Access, tenant: TenantId, taken: dict[str, str]) -> None:
    try:
        entity_id(tenant, access.name)
    except ResourceError as error:
        message = f'"{access.name}" cannot be an id: {error}; give it one by `id`'
        raise SourceError(message) from error
    other = taken.setdefault(access.name, path)
    if other != path:
        message = f'"{other}" has the id "{access.name}" too: give one of them another'
        raise SourceError(message)


def _classes(allowed: Iterable[tuple[str, Access]]) -> Iterator[AccessClass]:
    found: dict[object, tuple[Access, list[str]]] = {}
    for path, access in allowed:
        key = frozenset(access.attributes.items()), access.collections
        found.setdefault(key, (access, []))[1].append(path)
    for access, paths in found.values():
        yield AccessClass(access.attributes, access.collections, len(paths), paths[0])


def _missing(root: Node, manifest: Manifest, files: Collection[str]) -> Iterator[Complaint]:
    absent = manifest.documents.keys() - set(files)
    if not absent:
        return
    suggest, near = Suggestions(), defaultdict[str, set[str]](set)
    for each in files:
        near[PurePosixPath(each).name].add(each)
        near[f"{PurePosixPath(each).parent}/"].add(each)
    for path, (line, _) in _entries(root, "documents"):
        if path in absent:
            pure = PurePosixPath(path)
            # A file that was moved keeps its name; one that is misspelt stays in its folder.
            known = near.get(pure.name) or near.get(f"{pure.parent}/") or ()
            yield Complaint(line, "there is no such file", suggest(path, known), path)


def _strangers(root: Node, manifest: Manifest, known: Collection[str]) -> Iterator[Complaint]:
    """Yield everybody whom `known` does not hold, on the line where they are named, in the order of lines."""
    handles, suggest, found = set(known), Suggestions(), list[Complaint]()
    people = {name for name, type_ in manifest.types.items() if type_.entity == "User"}
    for section in ("folders", "documents"):
        for path, (_, entry) in _entries(root, section):
            values = entry.value if isinstance(entry.value, dict) else {}
            for name in people & values.keys():
                for node in _each(values[name][1]):
                    if node.value not in handles:
                        text = f'{name}: the directory of {manifest.tenant} knows nobody called "{node.value}"'
                        found.append(Complaint(node.line, text, suggest(str(node.value), handles), path))
    yield from sorted(found, key=lambda each: each.line)


def _each(node: Node) -> list[Node]:
    return node.value if isinstance(node.value, list) else [node]


def _entries(root: Node, section: str) -> Iterator[tuple[str, tuple[int, Node]]]:
    sections = root.value if isinstance(root.value, dict) else {}
    _, node = sections.get(section, (0, root))
    if section in sections and isinstance(node.value, dict):
        yield from node.value.items()
