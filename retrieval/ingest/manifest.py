"""From `access.yaml` to each document's access: the only place where it is stated, never the document itself.

Folders give defaults to everything beneath them; a deeper folder overrides attribute by attribute, a document likewise.
"""

import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from authz.errors import ResourceError
from authz.resource import Attributes, EntityId, TenantId, entity_id
from authz.schema import TENANT, AttributeSchema, AttributeTypes, parse_attributes
from authz.tenants import Tenants
from retrieval.errors import SourceError
from retrieval.ingest.manifest_check import FOLDER, Entry, ManifestReader
from retrieval.ingest.manifest_yaml import MAX_BYTES, Complaint, Node, read_yaml

NAME = "access.yaml"

Resolve = Callable[[str], EntityId]
"""From a person's handle to the uid. Raises `SourceError`, naming the handle."""


@dataclass(frozen=True, slots=True)
class Access:
    """What the manifest says of one document."""

    name: str
    title: str | None = field(repr=False)
    attributes: Attributes
    collections: frozenset[str]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The access of a folder's documents. Made by `read_manifest`."""

    tenant: TenantId
    types: AttributeTypes
    collections: Mapping[EntityId, frozenset[EntityId]]
    """Each declared collection with itself and all its ancestors."""
    folders: Mapping[str, Entry]
    documents: Mapping[str, Entry]
    folded: frozenset[str] = frozenset()
    """All paths of both, whatever their case and Unicode form."""

    def access(self, path: str, resolve: Resolve) -> Access:
        """Return the access of the document at `path`, relative to the folder, with `/`.

        Raises `SourceError` if an attribute or its collections are nowhere stated, or `resolve` knows no such person.
        """
        self._check_letters(path)
        entries = list(self._entries(path))
        collections: list[str] | None = None
        stated: dict[str, object] = {}
        for entry in entries:
            stated |= entry.attributes
            collections = collections if entry.collections is None else entry.collections
        if TENANT in self.types:
            stated[TENANT] = self.tenant
        missing = sorted(name for name, type_ in self.types.items() if type_.required and name not in stated)
        missing += ["collections"] if collections is None else []
        if missing or collections is None:
            message = f"{NAME} states no {', '.join(missing)} for it: without them nobody could be let in or kept out"
            raise SourceError(message)
        try:
            attributes = parse_attributes(self.types, self._resolved(stated, resolve))
        except ResourceError as error:
            message = f"{NAME}: {error}"
            raise SourceError(message) from error
        entry = self.documents.get(path, FOLDER)
        return Access(entry.id or path, entry.title, attributes, self._ancestors(collections))

    def _check_letters(self, path: str) -> None:
        """Raise `SourceError` if an entry is about `path` but for case or Unicode form: defaults may be wider."""
        for each in (path, *(parent.as_posix() for parent in PurePosixPath(path).parents)):
            if each not in self.documents and each not in self.folders and folded(each) in self.folded:
                message = f"{NAME} names it, or a folder above it, in other letters (case, accents): write both alike"
                raise SourceError(message)

    def _entries(self, path: str) -> Iterator[Entry]:
        above = [parent.as_posix() for parent in PurePosixPath(path).parents]
        yield from (self.folders[each] for each in reversed(above) if each in self.folders)
        if path in self.documents:
            yield self.documents[path]

    def _resolved(self, stated: Mapping[str, object], resolve: Resolve) -> dict[str, object]:
        people = {name for name, type_ in self.types.items() if type_.entity == "User"}
        return {name: _people(value, resolve) if name in people else value for name, value in stated.items()}

    def _ancestors(self, collections: list[str]) -> frozenset[str]:
        declared = (self.collections[entity_id(self.tenant, each)] for each in collections)
        return frozenset[str]().union(*declared)


@dataclass(frozen=True, slots=True)
class Reading:
    """A manifest as it was read: what it says if nothing is wrong, its values, and complaints, by line."""

    manifest: Manifest | None
    root: Node | None
    complaints: tuple[Complaint, ...]


def read_manifest(path: Path, schema: AttributeSchema, tenants: Tenants) -> Manifest:
    """Return the manifest at `path`, checked against `schema` and `tenants`.

    Raises `SourceError` as `parse_manifest` does, and if the file cannot be read.
    """
    return parse_manifest(manifest_bytes(path), lambda each: (path.parent / each).is_dir(), schema, tenants)


def manifest_bytes(path: Path) -> bytes:
    """Return what stands at `path`, at most one byte more than is read. Raises `SourceError` if it cannot be had."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        message = f"{path.name}: cannot be read; without an access manifest no document is taken"
        raise SourceError(message) from error


def parse_manifest(
    content: bytes, is_folder: Callable[[str], bool], schema: AttributeSchema, tenants: Tenants
) -> Manifest:
    """Return the manifest in `content`, of whose folders `is_folder` says whether they are there.

    Raises `SourceError` with every complaint and its line if it names an unknown tenant, attribute, collection or
    folder, or a value that does not fit its attribute.
    """
    reading = try_manifest(content, is_folder, schema, tenants)
    if reading.manifest is None:
        raise SourceError("\n".join(f"{NAME}:{each.line}: {each}" for each in reading.complaints))
    return reading.manifest


def try_manifest(
    content: bytes,
    is_folder: Callable[[str], bool],
    schema: AttributeSchema,
    tenants: Tenants,
    folders: Collection[str] = (),
) -> Reading:
    """Return the reading of the manifest in `content`, whatever is wrong with it.

    Of `folders`, the nearest is told where one is misspelt.
    """
    root, complaints = read_yaml(content)
    if root is None:
        return Reading(None, None, _in_order(complaints))
    reader = ManifestReader(schema.document, tenants, is_folder, folders)
    read = reader.read(root)
    complaints += reader.complaints
    if complaints or read is None:
        return Reading(None, root, _in_order(complaints))
    tenant, folders_, documents = read
    manifest = Manifest(
        tenant.id,
        schema.document,
        tenant.collections,
        MappingProxyType(folders_),
        MappingProxyType(documents),
        frozenset(map(folded, (*folders_, *documents))),
    )
    return Reading(manifest, root, ())


def folded(path: str) -> str:
    """Return `path` without what makes two names look alike and differ."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _people(value: object, resolve: Resolve) -> object:
    if isinstance(value, list):
        return [resolve(str(each)) for each in value]
    return resolve(str(value))


def _in_order(complaints: list[Complaint]) -> tuple[Complaint, ...]:
    return tuple(sorted(complaints, key=lambda each: each.line))
