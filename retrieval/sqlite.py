"""The local index: exact by construction, in one SQLite file.

Both legs run over the rows that the scope's filter leaves, and nothing else: the vector leg is exact cosine over the
allowed vectors, and the text leg is BM25 (Robertson and Zaragoza, 2009) whose document counts and lengths are those of
the allowed passages, so that what a reader may not see changes no rank. FTS5's tokenizer splits the text; its own index
is not used, because its statistics span all rows and it keeps the tokens of deleted ones.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from authz.resource import EntityId
from authz.scope import Scope
from retrieval.deadline import Deadline
from retrieval.document import TITLE
from retrieval.errors import SearchUnavailableError
from retrieval.fusion import fuse
from retrieval.index import Hit, Hits, Query
from retrieval.sqlite_file import SQLiteFile
from retrieval.sqlite_filter import SQLFilter, sql_filter

LEG = 50
"""How many passages each leg hands to the fusion."""
_WORDS = 64
"""How many words of a question are looked up."""

_HIT = "SELECT document.document, document.version, document.revision, passage.ordinal, passage.text"
_ROWS = "FROM passage JOIN document ON document.id = passage.document"

_TEXT_LEG = """
WITH allowed AS MATERIALIZED (SELECT passage.id, passage.length {rows} WHERE passage.ordinal > 0 AND {filter}),
     total AS (SELECT count(*) AS n, avg(length) AS mean FROM allowed),
     found AS MATERIALIZED (
       SELECT posting.term, posting.passage, posting.frequency AS f, allowed.length
       FROM posting JOIN allowed ON allowed.id = posting.passage
       WHERE posting.term IN (SELECT value FROM json_each(?))),
     term AS (SELECT term, ln(1 + (n - count(*) + 0.5) / (count(*) + 0.5)) AS idf FROM found, total GROUP BY term)
SELECT found.passage, sum(idf * f * 2.2 / (f + 1.2 * (0.25 + 0.75 * length / mean))) AS score
FROM found JOIN term USING (term), total
GROUP BY found.passage ORDER BY score DESC, found.passage LIMIT ?
"""
_VECTOR_LEG = "SELECT passage.id, passage.vector {rows} WHERE passage.ordinal > 0 AND {filter}"


@dataclass(frozen=True, slots=True)
class SQLiteIndex:
    """`Index` over one file; `file.prepare()` must have been called."""

    file: SQLiteFile
    leg: int = LEG

    def search(self, query: Query, scope: Scope, k: int, deadline: Deadline) -> Hits:
        """Return at most `k` passages of both legs, fused."""
        return fuse(self.legs(query, scope, deadline).values(), k)

    def legs(self, query: Query, scope: Scope, deadline: Deadline) -> dict[str, list[Hit]]:
        """Return what the text leg and the vector leg find, each over the allowed rows alone, each best first."""
        allowed = self._filter(scope)
        if not self.file.fits(query.vector):
            message = (
                f"the question's vector is not finite or not of {self.file.dimensions} dimensions, as the index is"
            )
            raise SearchUnavailableError(message)
        with self.file.connect(deadline) as connection:
            legs = {
                "text": _text_leg(connection, query, allowed, self.leg),
                "vector": _vector_leg(connection, query, allowed, self.leg),
            }
            rows = connection.execute(
                f"{_HIT}, passage.id {_ROWS} WHERE passage.id IN (SELECT value FROM json_each(?)) AND {allowed.sql}",
                (json.dumps([*legs["text"], *legs["vector"]]), *allowed.parameters),
            ).fetchall()
        by_id = {row[5]: _hit(row[:5]) for row in rows}
        return {name: [by_id[each] for each in found if each in by_id] for name, found in legs.items()}

    def documents(self, scope: Scope, after: EntityId | None, limit: int, deadline: Deadline) -> Hits:
        """Return titles, in the order of document ids."""
        allowed = self._filter(scope)
        sql = f"{_HIT} {_ROWS} WHERE passage.ordinal = ? AND document.document > ? AND {allowed.sql}"
        order = " ORDER BY document.document, document.version LIMIT ?"
        with self.file.connect(deadline) as connection:
            parameters = (TITLE, after or "", *allowed.parameters, max(0, limit))
            return [_hit(row) for row in connection.execute(sql + order, parameters)]

    def passages(self, document: EntityId, scope: Scope, after: int, limit: int, deadline: Deadline) -> Hits:
        """Return the passages of `document`, in their order."""
        allowed = self._filter(scope)
        sql = f"{_HIT} {_ROWS} WHERE document.document = ? AND passage.ordinal BETWEEN ? AND ? AND {allowed.sql}"
        with self.file.connect(deadline) as connection:
            parameters = (document, after + 1, after + limit, *allowed.parameters)
            order = " ORDER BY passage.ordinal, document.version"
            return [_hit(row) for row in connection.execute(sql + order, parameters)]

    def _filter(self, scope: Scope) -> SQLFilter:
        return sql_filter(scope.condition, self.file.attributes.document)


def tokens(connection: sqlite3.Connection, texts: Sequence[str]) -> list[dict[str, int]]:
    """Return, for each of `texts`, how often each of its tokens occurs, as FTS5's Porter tokenizer cuts them."""
    connection.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.words USING fts5(text, tokenize = 'porter unicode61')")
    connection.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.word USING fts5vocab(temp, words, instance)")
    connection.execute("DELETE FROM temp.words")
    connection.executemany("INSERT INTO temp.words(rowid, text) VALUES (?, ?)", enumerate(texts))
    counts: list[dict[str, int]] = [{} for _ in texts]
    for row, term, count in connection.execute("SELECT doc, term, count(*) FROM temp.word GROUP BY doc, term"):
        counts[row][term] = count
    return counts


def _text_leg(connection: sqlite3.Connection, query: Query, allowed: SQLFilter, size: int) -> list[int]:
    words = sorted(tokens(connection, [query.text])[0])[:_WORDS]
    sql = _TEXT_LEG.format(rows=_ROWS, filter=allowed.sql)
    return [row[0] for row in connection.execute(sql, (*allowed.parameters, json.dumps(words), size))]


def _vector_leg(connection: sqlite3.Connection, query: Query, allowed: SQLFilter, size: int) -> list[int]:
    # Ordered here, by id: asked to order them, SQLite scans every passage, and asks the filter once for each.
    rows = sorted(connection.execute(_VECTOR_LEG.format(rows=_ROWS, filter=allowed.sql), allowed.parameters))
    if not rows:
        return []
    matrix = np.frombuffer(b"".join(row[1] for row in rows), dtype=np.float32).reshape(len(rows), -1)
    order = np.argsort(-(matrix @ query.vector), kind="stable")[:size]
    return [rows[place][0] for place in order]


def _hit(row: Sequence[object]) -> Hit:
    document, version, revision, ordinal, text = row
    tenant = str(document).partition("/")[0]
    return Hit(tenant, document, version, revision, ordinal, text)  # type: ignore[arg-type]  # door two looks at each
