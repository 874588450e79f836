"""Making, checking and dropping concrete indices: for operators' tools and the start of a process."""

from dataclasses import dataclass

from retrieval.opensearch_client import Engine
from retrieval.opensearch_mapping import PREFIX, IndexDesign, IndexName, index_name, is_ours

_AUTO = "action.auto_create_index"
_OURS = f"-{PREFIX}*"


@dataclass(frozen=True, slots=True)
class OpenSearchAdmin:
    """The indices of one engine whose names begin with `PREFIX`. Raises `SearchUnavailableError`."""

    engine: Engine
    design: IndexDesign

    def check(self, name: IndexName) -> None:
        """Return if the index is what the design generates. Raises `IndexMismatchError`, printing what differs."""
        self.design.check(name, self.engine.call("GET", f"/{name}", params={"flat_settings": "true"}))

    def create(self, name: IndexName) -> None:
        """Make an empty index of the design; nothing else may ever make one by writing to a name."""
        self.forbid_creation_by_writes()
        body = {"settings": self.design.settings(), "mappings": self.design.mappings()}
        self.engine.call("PUT", f"/{name}", body)
        self.check(name)  # a template of the cluster may have added to it

    def forbid_creation_by_writes(self) -> None:
        """Let no late write to a dropped index bring it back, unmapped: by a cluster setting, kept beside others."""
        found = self.engine.call(
            "GET", "/_cluster/settings", params={"include_defaults": "true", "flat_settings": "true"}
        )
        levels = [level for level in ("transient", "persistent", "defaults") if _AUTO in found.get(level, {})]
        current = str(found[levels[0]][_AUTO]) if levels else "true"
        if current == "false" or current.split(",")[0] == _OURS:
            return
        others = "+*" if current == "true" else current
        level = "transient" if levels[:1] == ["transient"] else "persistent"  # a transient one would win
        self.engine.call("PUT", "/_cluster/settings", {level: {_AUTO: f"{_OURS},{others}"}})

    def names(self) -> list[IndexName]:
        """Return the indices of ours that are there, named or not by the registry."""
        return sorted(IndexName(name) for name in self.engine.call("GET", f"/{PREFIX}*/_settings") if is_ours(name))

    def drop(self, name: IndexName) -> None:
        """Delete an index with all that it holds."""
        self.engine.call("DELETE", f"/{index_name(name)}")
