"""From a manifest's plain values to its entries, with a complaint for every line that does not fit the schema."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType

from authz.errors import ResourceError
from authz.resource import EntityId, check_text, entity_id, tenant_id
from authz.schema import TENANT, AttributeTypes
from authz.tenants import Tenant, Tenants
from retrieval.ingest.manifest_yaml import Complaint, Node
from retrieval.ingest.nearest import Suggestions

_SECTIONS = ("tenant", "folders", "documents")
_DOCUMENT_KEYS = ("title", "id")


@dataclass(frozen=True, slots=True)
class Entry:
    """What one folder or document states: plain attributes, qualified by tenant, people still by their handles."""

    attributes: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    collections: list[str] | None = None
    title: str | None = field(default=None, repr=False)
    id: str | None = None


FOLDER = Entry()
"""States nothing."""

Read = tuple[Tenant, dict[str, Entry], dict[str, Entry]]


class ManifestReader:
    """Reads one manifest, gathering `complaints`; people are checked when a document's access is asked for."""

    def __init__(
        self,
        types: AttributeTypes,
        tenants: Tenants,
        is_folder: Callable[[str], bool],
        folders: Collection[str] = (),
    ) -> None:
        self._types = types
        self._tenants = tenants
        self._is_folder = is_folder
        self._folders = folders
        self._suggest = Suggestions()
        self._about: str | None = None
        self.complaints: list[Complaint] = []

    def read(self, root: Node) -> Read | None:
        """Return tenant, folders and documents of the manifest `root`, or None if it names no tenant."""
        sections = self._mapping(root, "the manifest")
        for key in sections.keys() - set(_SECTIONS):
            self._complain(sections[key][0], f'unknown key "{key}"', self._suggest(key, _SECTIONS))
        tenant = self._tenant(root, sections)
        if tenant is None:
            return None
        folders = dict(self._entries(sections.get("folders"), tenant, is_document=False))
        documents = dict(self._entries(sections.get("documents"), tenant, is_document=True))
        self._check_ids(sections.get("documents"), documents)
        return tenant, folders, documents

    def _tenant(self, root: Node, sections: Mapping[str, tuple[int, Node]]) -> Tenant | None:
        line, node = sections.get("tenant", (root.line, None))
        named = node.value if node and isinstance(node.value, str) else ""
        try:
            tenant = self._tenants.get(tenant_id(named))
        except ResourceError:
            tenant = None
        if tenant is None:
            self._complain(
                line, "tenant: must name a tenant that tenants.json declares", self._suggest(named, self._tenants)
            )
        return tenant

    def _entries(
        self, section: tuple[int, Node] | None, tenant: Tenant, *, is_document: bool
    ) -> Iterator[tuple[str, Entry]]:
        if section is None:
            return
        for path, (line, node) in self._mapping(section[1], "this section").items():
            self._about = path
            if not is_plain_path(path) or (is_document and path == "."):
                self._complain(line, "a path is relative, with /, without . or .. parts", "begin at the folder")
            elif not is_document and not self._is_folder(path):
                # A misspelt folder would leave its documents with the wider defaults above it.
                self._complain(line, "no such folder", self._suggest(path, self._folders))
            yield path, self._entry(node, tenant, is_document=is_document)
        self._about = None

    def _entry(self, node: Node, tenant: Tenant, *, is_document: bool) -> Entry:
        values = self._mapping(node, "this entry")
        known = self._types.keys() - {TENANT} | {"collections"} | set(_DOCUMENT_KEYS if is_document else ())
        for key in values.keys() - known:
            self._complain(values[key][0], f'unknown attribute "{key}"', self._suggest(key, known))
        attributes = {
            name: self._attribute(name, value, tenant)
            for name, (_, value) in values.items()
            if name in self._types and name in known
        }
        texts = {name: self._text(name, values[name][1]) for name in _DOCUMENT_KEYS if name in values and is_document}
        collections = self._collections(values["collections"][1], tenant) if "collections" in values else None
        return Entry(MappingProxyType(attributes), collections, **texts)

    def _attribute(self, name: str, node: Node, tenant: Tenant) -> object:
        type_, raw = self._types[name], node.plain()
        try:
            type_.parse(raw)
            if type_.kind != "entity" or type_.entity == "User":
                return raw
            return [qualified(tenant, each) for each in raw] if isinstance(raw, list) else qualified(tenant, str(raw))
        except ResourceError as error:
            self._complain(node.line, str(error))
            return raw

    def _collections(self, node: Node, tenant: Tenant) -> list[str]:
        found: list[str] = []
        if not isinstance(node.value, list):
            self._complain(node.line, "collections must be a list", "write [] or [name]")
            return found
        declared = [each.partition("/")[2] for each in tenant.collections]
        for each in node.value:
            if not isinstance(each.value, str) or f"{tenant.id}/{each.value}" not in tenant.collections:
                mend = self._suggest(str(each.plain()), declared)
                self._complain(each.line, f'collection "{each.plain()}" is not declared in tenants.json', mend)
            else:
                found.append(each.value)
        return found

    def _text(self, name: str, node: Node) -> str:
        try:
            check_text(str(node.value))
            fits = isinstance(node.value, str) and bool(node.value.strip())
        except ResourceError as error:
            self._complain(node.line, f"{name}: {error}")
            return ""
        if not fits:
            self._complain(node.line, f"{name} must be a text", "quote it")
        return str(node.value)

    def _check_ids(self, section: tuple[int, Node] | None, documents: Mapping[str, Entry]) -> None:
        taken: dict[str, str] = {}
        for path, entry in documents.items():
            other = taken.setdefault(entry.id or path, path)
            if other != path and section is not None:
                line = self._mapping(section[1], "this section")[path][0]
                self._about = path
                self._complain(line, f'has the id of "{other}"', "give one of them another id")
        self._about = None

    def _mapping(self, node: Node, what: str) -> Mapping[str, tuple[int, Node]]:
        if isinstance(node.value, dict):
            return node.value
        self._complain(node.line, f"{what} must be a mapping", "write {} for an empty one")
        return {}

    def _complain(self, line: int, text: str, instead: str | None = None) -> None:
        self.complaints.append(Complaint(line, text, instead, self._about))


def is_plain_path(path: str) -> bool:
    """Return whether `path` is relative, normal, and stays where it begins."""
    pure = PurePosixPath(path)
    return bool(path) and pure.as_posix() == path and not pure.is_absolute() and ".." not in pure.parts


def qualified(tenant: Tenant, name: str) -> EntityId:
    """Return the id of `name` in `tenant`, also if it names the tenant. Raises `ResourceError` for another tenant's."""
    before, slash, after = name.partition("/")
    if slash and before != tenant.id:
        message = f'"{name}" is in another tenant than {tenant.id}'
        raise ResourceError(message)
    return entity_id(tenant.id, after if slash else name)
