"""From settings to the index that they choose: the local file, or OpenSearch with the index that the registry names."""

from collections.abc import Callable
from dataclasses import dataclass

from authz.policy_set import PolicySet
from authz.resource import TenantId
from retrieval.index import Index, IndexWriter, Stamps
from retrieval.pointer import pointed
from retrieval.sqlite import SQLiteIndex
from retrieval.sqlite_file import SQLiteFile
from retrieval.sqlite_writer import SQLiteIndexWriter
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class ChosenIndex:
    """The index of this deployment, to be read and to be written."""

    current: Callable[[], Index]
    """Returns the one index that answers now: a request takes it once."""
    writer: IndexWriter
    probe: Callable[[], None]
    """Raises if it does not answer, or is not what it must be."""
    stamps: Callable[[TenantId], Stamps]
    """Counts what lies in the one that answers now."""


def index(settings: Settings, policies: PolicySet) -> ChosenIndex:
    """Return the index, looked at. Raises `IndexMismatchError` if it was made for something else.

    One that cannot be reached yet is no reason not to start: the probe says that it is not ready.
    """
    if settings.index == "sqlite":
        return _local(settings, policies)
    from service.compose_opensearch import chosen  # noqa: PLC0415 - the client takes a third of a second to import

    indices, writer = chosen(settings, policies)
    return ChosenIndex(
        indices.current,
        writer,
        indices.check,
        lambda tenant: indices.open(pointed(indices.pointers).reads).stamps(tenant),
    )


def _local(settings: Settings, policies: PolicySet) -> ChosenIndex:
    file = SQLiteFile(settings.index_path, policies.attributes, settings.embedding_model, settings.dimensions)
    file.prepare()
    local = SQLiteIndex(file)
    writer = SQLiteIndexWriter(file)
    return ChosenIndex(lambda: local, writer, file.probe, writer.stamps)
