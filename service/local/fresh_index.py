"""From whatever an earlier demo left to an empty index: the registry begins empty, so the index must too."""

import secrets

from authz.policy_set import PolicySet
from retrieval.pointer import IndexPointer
from service.settings import Settings

PREFIX = "antechamber-demo-"
"""Only indices called so are ever dropped: others in the same engine are somebody's."""


def empty_index(settings: Settings, policies: PolicySet) -> None:
    """Drop the indices of earlier demos, and in OpenSearch make one that the registry names.

    Raises `IndexMismatchError` and `SearchUnavailableError`, which name the mend.
    """
    if settings.index == "sqlite":
        for path in settings.index_path.parent.glob(f"{settings.index_path.name}*"):
            path.unlink()
        return
    from service.compose_opensearch import opensearch  # noqa: PLC0415 - the client takes a third of a second to import

    indices = opensearch(settings, policies)
    indices.admin.engine.check_version()
    for earlier in indices.admin.names():
        if earlier.startswith(PREFIX):
            indices.drop(earlier)
    name = f"{PREFIX}{secrets.token_hex(4)}"
    indices.create(name)
    indices.pointers.point(IndexPointer(name, (name,), 1))
