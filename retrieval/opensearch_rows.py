"""Rows of one concrete index, read and written as they are: what the writer and the sweep have in common.

Every write carries an external version made from its revision: twice the revision, so that there is room for a removal
between two of them. OpenSearch then refuses what is older by itself, also against a removal of the last minute
(`index.gc_deletes`).
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from authz.resource import EntityId
from retrieval.document import TITLE
from retrieval.errors import SearchUnavailableError
from retrieval.opensearch_client import Engine
from retrieval.opensearch_mapping import DOCUMENT, ORDINAL, REVISION, VERSION, IndexName
from retrieval.opensearch_query import UNTOUCHED, header

_BATCH = 200
"""Passages in one bulk request: of 384 dimensions, some two megabytes."""
_PAGE = 500
"""Rows read at a time."""

Row = Mapping[str, Any]
Condition = Mapping[str, Any]
_LATE = 409


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one index. Every method raises `SearchUnavailableError` if the engine does not do it in full."""

    engine: Engine
    index: IndexName

    def refresh(self) -> None:
        """Let the searches that follow see all that is written."""
        shards = self.engine.call("POST", f"/{self.index}/_refresh").get("_shards")
        if not isinstance(shards, Mapping) or shards.get("failed") != 0:
            message = "OpenSearch could not let all that was written be seen: repeat it"
            raise SearchUnavailableError(message)

    def of(self, document: EntityId, *conditions: Condition) -> Iterator[Row]:
        """Yield the rows of `document` that fit, whole, by version and ordinal."""
        after: Sequence[Any] | None = None
        while page := self._page(document, conditions, after, source=True):
            yield from (row["_source"] for row in page)
            after = page[-1]["sort"]

    def any(self, document: EntityId) -> bool:
        """Return whether there is a row of `document`."""
        return bool(self._page(document, (), None, source=False))

    def documents(self) -> Iterator[EntityId]:
        """Yield the id of every document of which there is a row, in order."""
        search = {
            "query": {"match_all": {}},
            "collapse": {"field": DOCUMENT},
            "sort": [DOCUMENT],
            "_source": [DOCUMENT],
        }
        after: Sequence[Any] | None = None
        while page := self._search(search, after):
            yield from (EntityId(row["_source"][DOCUMENT]) for row in page)
            after = page[-1]["sort"]

    def titles(self) -> Iterator[Row]:
        """Yield document, version and revision of every title, by document: one row for each version that is there."""
        search = {
            "query": {"term": {ORDINAL: TITLE}},
            "sort": [DOCUMENT, VERSION, REVISION],
            "_source": [DOCUMENT, VERSION, REVISION],
        }
        after: Sequence[Any] | None = None
        while page := self._search(search, after):
            yield from (row["_source"] for row in page)
            after = page[-1]["sort"]

    def write(self, rows: Iterable[Row]) -> None:
        """Write `rows`; one that a newer revision wrote or removed stays as it is."""
        rest = iter(rows)
        while batch := list(islice(rest, _BATCH)):
            lines = (line for row in batch for line in ({"index": _at(_id(row), written(row[REVISION]))}, row))
            self.engine.bulk(self.index, lines)

    def remove(self, document: EntityId, *conditions: Condition, version: int) -> None:
        """Remove the rows of `document` that fit, as of the external `version`, until no search finds one."""
        while True:
            self.refresh()
            found = self._page(document, conditions, None, source=False)
            if not found:
                return
            outcomes = self.engine.bulk(self.index, ({"delete": _at(row["_id"], version)} for row in found))
            if all(each["status"] == _LATE for each in outcomes):
                message = "rows of this document keep being written while they are removed: repeat it"
                raise SearchUnavailableError(message)

    def _page(
        self, document: EntityId, conditions: Sequence[Condition], after: Sequence[Any] | None, *, source: bool
    ) -> Sequence[Row]:
        query = {"bool": {"filter": [{"term": {DOCUMENT: document}}, *conditions]}}
        return self._search({"query": query, "sort": [VERSION, ORDINAL, REVISION], "_source": source}, after)

    def _search(self, search: Row, after: Sequence[Any] | None) -> Sequence[Row]:
        body = {**search, **UNTOUCHED, "size": _PAGE, **({"search_after": after} if after is not None else {})}
        # Of primary shards: replicas that are copied by segments lag behind, and "none left" must be so.
        [rows] = self.engine.search([({**header(self.index), "preference": "_primary"}, body)], 30.0)
        return rows


def written(revision: int) -> int:
    """Return the external version of a write at `revision`."""
    return 2 * revision


def removed(below: int) -> int:
    """Return the external version of a removal of what is older than revision `below`."""
    return 2 * below - 1


def passage_id(document: EntityId, version: int, ordinal: int) -> str:
    """Return the engine's id of a passage: it takes 512 bytes, so a digest stands for the document's id."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(document.encode()).digest()).rstrip(b"=").decode()
    return f"{digest}:{version}:{ordinal}"


def _id(row: Row) -> str:
    return passage_id(row[DOCUMENT], row[VERSION], row[ORDINAL])


def _at(id_: str, version: int) -> Row:
    return {"_id": id_, "version": version, "version_type": "external_gte"}
