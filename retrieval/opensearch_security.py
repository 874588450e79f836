"""Who may what within OpenSearch: two roles of its security plugin, and the deployment's roles that bear them.

Where fine-grained access control is on, whoever it does not map may nothing. These two roles are what the adapter asks
for (`opensearch_client`, `opensearch_rows`, `opensearch_admin`), and no more: the one who searches writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retrieval.opensearch_client import Engine
from retrieval.opensearch_mapping import PREFIX

SEARCHER, WRITER = f"{PREFIX}searcher", f"{PREFIX}writer"
_API = "/_plugins/_security/api"
_SEARCHES = {
    "cluster_permissions": ["cluster:monitor/main", "indices:data/read/msearch"],
    "index_permissions": [
        {"index_patterns": [f"{PREFIX}*"], "allowed_actions": ["indices:data/read/search*", "indices:admin/get"]}
    ],
}
_WRITES = {
    "cluster_permissions": ["indices:data/write/bulk"],
    "index_permissions": [
        {
            "index_patterns": [f"{PREFIX}*"],
            "allowed_actions": [
                "indices:data/write/bulk*",
                "indices:data/write/index",
                "indices:data/write/delete",
                "indices:admin/refresh*",
            ],
        }
    ],
}
"""Of who searches as well."""


@dataclass(frozen=True, slots=True)
class OpenSearchSecurity:
    """The security plugin of one engine. Every method raises `SearchUnavailableError`."""

    engine: Engine

    def grant(self, searchers: Sequence[str], writers: Sequence[str]) -> None:
        """Let the IAM roles `searchers` search, and `writers` search and write; whoever was mapped before is not."""
        everybody = sorted({*searchers, *writers})
        for name, permissions, roles in ((SEARCHER, _SEARCHES, everybody), (WRITER, _WRITES, sorted(set(writers)))):
            self._put(f"roles/{name}", permissions)
            self._put(f"rolesmapping/{name}", {"backend_roles": roles})

    def _put(self, path: str, body: Mapping[str, object]) -> None:
        self.engine.call("PUT", f"{_API}/{path}", body)
