"""From the registry's pointer to the one concrete index of a request, looked at before it is first searched."""

from dataclasses import dataclass, field
from threading import Lock

from retrieval.errors import IndexMismatchError, SearchUnavailableError
from retrieval.opensearch import OpenSearchIndex
from retrieval.opensearch_admin import OpenSearchAdmin
from retrieval.opensearch_mapping import IndexName, index_name
from retrieval.opensearch_rows import Rows
from retrieval.opensearch_writer import OpenSearchIndexWriter
from retrieval.pointer import IndexPointers, pointed


@dataclass(frozen=True, slots=True)
class OpenSearchIndices:
    """The indices of one deployment: whichever the registry names, if it is what the design generates."""

    admin: OpenSearchAdmin
    pointers: IndexPointers
    _sound: set[IndexName] = field(default_factory=set, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def current(self) -> OpenSearchIndex:
        """Return the index that the registry names now: for one request.

        Raises `RegistryUnavailableError`, and `SearchUnavailableError` if it names none, or one that may not be used.
        """
        name = self._named()
        if name not in self._sound:
            self._look_at(name)
        return OpenSearchIndex(self.admin.engine, name, self.admin.design)

    def check(self) -> None:
        """Return if the index that the registry names may be used. Raises `IndexMismatchError`, printing why not.

        Raises `SearchUnavailableError` and `RegistryUnavailableError` if that cannot be told.
        """
        name = index_name(pointed(self.pointers).reads)
        with self._lock:
            self._sound.discard(name)
        self.admin.engine.check_version()
        self.admin.check(name)
        with self._lock:
            self._sound.add(name)

    def create(self, name: str) -> None:
        """Make an empty index called `name`. Raises `IndexMismatchError`."""
        self.admin.create(index_name(name))

    def drop(self, name: str) -> None:
        """Delete the index, if it is there."""
        if self.exists(name):
            self.admin.drop(index_name(name))

    def exists(self, name: str) -> bool:
        """Return whether the index is there."""
        return name in self.admin.names()

    def fits(self, name: str) -> bool:
        """Return whether the index is there, and what the design generates."""
        if not self.exists(name):
            return False
        try:
            self.admin.check(index_name(name))
        except IndexMismatchError:
            return False
        return True

    def open(self, name: str) -> OpenSearchIndexWriter:
        """Return the index `name` to be written and looked into."""
        return OpenSearchIndexWriter(Rows(self.admin.engine, index_name(name)), self.admin.design)

    def _named(self) -> IndexName:
        try:
            return index_name(pointed(self.pointers).reads)
        except IndexMismatchError as error:
            raise SearchUnavailableError(str(error)) from error

    def _look_at(self, name: IndexName) -> None:
        try:
            self.admin.check(name)
        except IndexMismatchError as error:
            raise SearchUnavailableError(str(error)) from error
        with self._lock:
            self._sound.add(name)
