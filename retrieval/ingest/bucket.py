"""The port to the bucket of documents, and what the place of an object in it says.

`<tenant>/<folder>/access.yaml` states the access of every document beneath `<tenant>/<folder>/`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from authz.errors import ResourceError
from authz.resource import TenantId, tenant_id
from retrieval.errors import SourceError
from retrieval.ingest.manifest import NAME
from retrieval.ingest.manifest_check import is_plain_path


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it was read: `version` changes whenever somebody writes it."""

    content: bytes = field(repr=False)
    version: str


class Bucket(Protocol):
    """One bucket; reads see the latest write. Every method raises `BucketUnavailableError`."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    def version(self, key: str) -> str | None:
        """Return the version of the object at `key`, or None if there is none."""
        ...

    def written(self, key: str) -> int | None:
        """Return when the object at `key` was written: epoch milliseconds of the bucket's clock, in whole seconds."""
        ...

    def read(self, key: str, most: int) -> Stored | None:
        """Return the object at `key`, or None. Raises `SourceError` if it has more than `most` bytes, unread."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in order."""
        ...

    def write(self, key: str, content: bytes) -> None:
        """Write an object."""
        ...

    def remove(self, key: str, version: str) -> None:
        """Remove this version of an object for good; nothing if it is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object lies: a document's path is relative to its folder, as in the folder's manifest."""

    tenant: TenantId
    folder: str
    path: str

    @property
    def prefix(self) -> str:
        """What the keys of the folder begin with."""
        return f"{self.tenant}/{self.folder}/"

    @property
    def key(self) -> str:
        """The object's key."""
        return f"{self.prefix}{self.path}"

    @property
    def manifest(self) -> str:
        """The key of the folder's manifest."""
        return f"{self.prefix}{NAME}"

    @property
    def is_manifest(self) -> bool:
        """Whether it is the folder's manifest itself."""
        return self.path == NAME


def place_of(key: str) -> Place | None:
    """Return the place that `key` names, or None for a folder's own marker and what is hidden.

    Raises `SourceError` if it lies in no tenant's folder, or cannot be a path.
    """
    tenant, _, rest = key.partition("/")
    folder, _, path = rest.partition("/")
    try:
        owner = tenant_id(tenant)
    except ResourceError as error:
        message = "the key does not begin with a tenant"
        raise SourceError(message) from error
    if key.endswith("/") or any(part.startswith(".") and set(part) != {"."} for part in key.split("/")):
        return None
    if not folder or not path:
        message = f"the object lies in no folder: documents lie under {owner}/FOLDER/, beside its {NAME}"
        raise SourceError(message)
    if not is_plain_path(f"{folder}/{path}"):
        message = "the key cannot be a path: no empty, . or .. parts"
        raise SourceError(message)
    return Place(owner, folder, path)
