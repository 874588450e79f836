"""The searches that are sent to OpenSearch, all of them: a caller chooses words and numbers in them and nothing else.

No aggregation, suggestion, highlight, script, explanation, sort or field of a caller's choice has a place here.
"""

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from authz.resource import EntityId
from retrieval.document import TITLE
from retrieval.index import Query
from retrieval.opensearch_filter import Clause
from retrieval.opensearch_mapping import DOCUMENT, HIT, ORDINAL, TEXT, VECTOR, VERSION, IndexName

Search = Mapping[str, Any]

UNTOUCHED: Search = {"search_pipeline": "_none"}
"""No pipeline that somebody makes an index's default rewrites what is asked, or what is found."""
EF_SEARCH = 400
"""How many candidates the graph of neighbours keeps while it is searched. With the engine's own 100, recall@10 was 0.98
where most passages are visible, and with 400 it is 1.0 at no cost that could be measured (docs/benchmarks.md)."""

MAX_WORDS = 256
"""How many words of a question are looked for: together with a filter, a node takes 1,024 clauses in one query."""
_WORD = re.compile(r"[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]{1,127}|\S")
"""A word, or a sign that some analyzer may take for one (each Han and Kana is one): rather too many than too few."""


def header(index: IndexName) -> Search:
    """Return the line before a search: one concrete index, whole or not at all (nothing wild, nothing ignored)."""
    return {
        "index": index,
        "expand_wildcards": "none",
        "ignore_unavailable": False,
        "allow_no_indices": False,
        "allow_partial_search_results": False,
    }


def text_leg(query: Query, allowed: Clause, size: int, milliseconds: int) -> Search:
    """Return the search for the words of `query` (BM25) among what the filter `allowed` leaves."""
    words = {"match": {TEXT: {"query": _first_words(query.text)}}}
    return _search({"bool": {"must": [words], "filter": [allowed, _TEXTS]}}, size, milliseconds)


def vector_leg(query: Query, allowed: Clause, size: int, milliseconds: int) -> Search:
    """Return the search for the neighbours of `query` (k-NN); the filter stands inside, so that none crowds out any."""
    near = {
        "vector": query.vector.tolist(),
        "k": size,
        "method_parameters": {"ef_search": max(EF_SEARCH, size)},
        "filter": allowed,
    }
    return _search({"knn": {VECTOR: near}}, size, milliseconds)  # titles have no vector


def titles(allowed: Clause, after: EntityId | None, size: int, milliseconds: int) -> Search:
    """Return the search for the titles that follow the document `after`, in the order of ids."""
    own = [allowed, {"term": {ORDINAL: TITLE}}, *([{"range": {DOCUMENT: {"gt": after}}}] if after else [])]
    return {**_search({"bool": {"filter": own}}, size, milliseconds), "sort": [DOCUMENT, VERSION]}


def passages(document: EntityId, allowed: Clause, after: int, limit: int, size: int, milliseconds: int) -> Search:
    """Return the search for the `limit` ordinals of `document` that follow `after`, in order, of each version."""
    between = {"range": {ORDINAL: {"gt": after, "lte": after + limit}}}
    own = [allowed, {"term": {DOCUMENT: document}}, between]
    return {**_search({"bool": {"filter": own}}, size, milliseconds), "sort": [ORDINAL, VERSION]}


def _first_words(text: str) -> str:
    beyond = next(islice(_WORD.finditer(text), MAX_WORDS, None), None)
    return text if beyond is None else text[: beyond.start()]


_TEXTS = {"range": {ORDINAL: {"gt": TITLE}}}


def _search(query: Search, size: int, milliseconds: int) -> Search:
    return {
        "query": query,
        "size": size,
        "timeout": f"{milliseconds}ms",
        "_source": list(HIT),
        "track_total_hits": False,
        **UNTOUCHED,
    }
