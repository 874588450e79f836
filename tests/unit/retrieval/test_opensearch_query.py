"""Every search that can be sent: what stands in it, where the filter stands, and what a question can change in it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authz import condition as c
from authz.resource import EntityId
from authz.schema import read_schema
from retrieval.errors import SearchUnavailableError
from retrieval.index import Query
from retrieval.opensearch_filter import MAX_CLAUSES, bounded, opensearch_filter
from retrieval.opensearch_mapping import HIT, index_name
from retrieval.opensearch_query import EF_SEARCH, MAX_WORDS, header, passages, text_leg, titles, vector_leg
from tests.support.worlds import wide_schema

TYPES = read_schema(wide_schema()).document
READABLE, QUARANTINED = c.Intersects("readers", frozenset({"acme/r"})), c.OneOf("quarantined", frozenset({True}))
ALLOWED = opensearch_filter(c.All((READABLE, c.Not(QUARANTINED))), TYPES)
DOCUMENT, AFTER = EntityId("acme/wanted"), EntityId("acme/after")
VECTOR = np.zeros(4, np.float32)


def query(text: str = "the question") -> Query:
    return Query(text, VECTOR)


CANDIDATES = {"ef_search": EF_SEARCH}


def all_searches(text: str = "the question", allowed: Any = ALLOWED) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {
        "text leg": text_leg(query(text), allowed, 50, 1500),
        "vector leg": vector_leg(query(text), allowed, 50, 1500),
        "titles": titles(allowed, None, 10, 1500),
        "titles after": titles(allowed, AFTER, 10, 1500),
        "passages": passages(DOCUMENT, allowed, 3, 10, 100, 1500),
    }


def nodes(plain: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON
    yield plain
    for each in plain.values() if isinstance(plain, dict) else plain if isinstance(plain, list) else ():
        yield from nodes(each)


def keys(plain: Any) -> set[str]:  # noqa: ANN401 - JSON
    return {key for node in nodes(plain) if isinstance(node, dict) for key in node}


@pytest.mark.parametrize("name", all_searches())
def test_l20_filter_stands_in_every_search_exactly_once(name: str) -> None:
    assert sum(1 for node in nodes(all_searches()[name]) if node == ALLOWED) == 1


def test_l20_filter_of_the_vector_leg_stands_inside_the_search_for_neighbours() -> None:
    """As a post-filter it would leave nothing where the nearest are all hidden."""
    assert all_searches()["vector leg"]["query"] == {
        "knn": {"vector": {"vector": VECTOR.tolist(), "k": 50, "method_parameters": CANDIDATES, "filter": ALLOWED}}
    }


@pytest.mark.parametrize("name", ["text leg", "titles", "titles after", "passages"])
def test_l20_filter_of_the_other_searches_is_one_that_every_row_must_pass(name: str) -> None:
    assert ALLOWED in all_searches()[name]["query"]["bool"]["filter"]
    assert all_searches()[name]["query"].keys() == {"bool"}
    assert all_searches()[name]["query"]["bool"].keys() <= {"filter", "must"}


TOP = {"query", "size", "timeout", "_source", "track_total_hits", "sort", "search_pipeline"}
CLAUSES = {
    "bool", "must", "filter", "must_not", "match", "query", "term", "terms", "range", "gt", "gte", "lte", "knn",
    "method_parameters", "ef_search",
    "vector", "k",
}  # fmt: skip
FIELDS = {"text", "vector", "document", "ordinal", "access.readers", "access.quarantined"}


@pytest.mark.parametrize("name", all_searches())
def test_l03_l05_l06_nothing_but_the_closed_list_of_keys_is_ever_sent(name: str) -> None:
    """No aggregation, suggestion, highlight, script, explanation, profile, no score, and no field of a caller's."""
    search = all_searches()[name]
    assert search.keys() <= TOP
    assert keys(search["query"]) <= CLAUSES | FIELDS
    assert search["track_total_hits"] is False
    assert search["search_pipeline"] == "_none"


@pytest.mark.parametrize("name", all_searches())
def test_l04_access_attributes_are_neither_returned_nor_searched_nor_sorted_by(name: str) -> None:
    search = all_searches()[name]
    assert search["_source"] == list(HIT)
    assert not any(field.startswith(("access", "count", "collections")) for field in search["_source"])
    assert search.get("sort", []) in ([], ["document", "version"], ["ordinal", "version"])
    outside = [node for node in nodes({**search, "query": _without_filter(search["query"])}) if isinstance(node, str)]
    assert not any(text.startswith("access.") for text in outside)


def _without_filter(plain: Any) -> Any:  # noqa: ANN401 - JSON
    if plain == ALLOWED:
        return None
    if isinstance(plain, dict):
        return {key: _without_filter(each) for key, each in plain.items()}
    return [_without_filter(each) for each in plain] if isinstance(plain, list) else plain


def test_l01_header_names_one_index_that_must_be_there_and_answer_in_full() -> None:
    assert header(index_name("antechamber-one")) == {
        "index": "antechamber-one",
        "expand_wildcards": "none",
        "ignore_unavailable": False,
        "allow_no_indices": False,
        "allow_partial_search_results": False,
    }


HOSTILE = [
    '"}},{"match_all":{}}', 'x"}}}\n{"index":"other"}\n{"query":{"match_all":{}}}', "* OR tenant:globex", "\\", "\x00",
    "\u2028\u2029\x85", "\r\n", "{{#toJson}}_source{{/toJson}}", "${env}", "<script>", "\ud800", "access.readers:*",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_l03_question_is_one_string_in_one_place_and_one_line(text: str) -> None:
    """A search is one line of what is sent, so no sign of a question may end it."""
    search = text_leg(query(text), ALLOWED, 50, 1500)
    usual = text_leg(query("usual"), ALLOWED, 50, 1500)
    assert search["query"]["bool"]["must"] == [{"match": {"text": {"query": text}}}]
    assert json.dumps(search).isascii()
    assert len(json.dumps(search).splitlines()) == 1
    assert json.loads(json.dumps(search).replace(json.dumps(text), '"usual"')) == usual


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=200))
def test_no_question_changes_the_structure_of_any_search(text: str) -> None:
    for name, search in all_searches(text).items():
        assert keys(search) == keys(all_searches("usual")[name])
        assert len(json.dumps(search).splitlines()) == 1


@pytest.mark.parametrize(
    "name", ['acme/"}},{"match_all":{}}', "acme/*", "acme/a,b", "acme/\u2028", "acme/{{x}}", "acme/../x"]
)
def test_l03_document_and_cursor_are_values_too(name: str) -> None:
    document = EntityId(name)
    assert {"term": {"document": document}} in passages(document, ALLOWED, 0, 1, 10, 1)["query"]["bool"]["filter"]
    assert {"range": {"document": {"gt": document}}} in titles(ALLOWED, document, 1, 1)["query"]["bool"]["filter"]


def test_search_is_given_the_time_that_is_left() -> None:
    assert {search["timeout"] for search in all_searches().values()} == {"1500ms"}


# How much of a question is looked for.


def asked(text: str) -> str:
    found: str = text_leg(query(text), ALLOWED, 50, 1)["query"]["bool"]["must"][0]["match"]["text"]["query"]
    return found


@pytest.mark.parametrize(
    "text", ["", "a question", "wort " * MAX_WORDS, "的" * MAX_WORDS, "don't re-use a.b_c", "x" * 127 * MAX_WORDS]
)
def test_question_of_usual_length_is_asked_as_it_is(text: str) -> None:
    assert asked(text) == text


@pytest.mark.parametrize(
    "text", ["a " * 2048, "的" * 1365, "カナ" * 682, "\U0001f512" * 1024, "x" * 40_000, "a-b " * 999]
)
def test_longer_question_is_asked_by_its_first_words(text: str) -> None:
    """A node takes 1,024 clauses in one query, and every word is one."""
    assert text.startswith(asked(text))
    assert len(re.findall(r"\S", asked(text))) <= MAX_WORDS * 127
    assert 0 < len(asked(text)) < len(text)
    assert asked(asked(text)) == asked(text)


# How large a filter may be.


def terms(count: int) -> list[c.OneOf]:
    return [c.OneOf("audience", frozenset({str(number)})) for number in range(count)]


@pytest.mark.parametrize(
    ("condition", "largest"),
    [
        (lambda count: c.All(tuple(terms(count))), MAX_CLAUSES),
        (lambda count: c.Any(tuple(c.Not(each) for each in terms(count))), MAX_CLAUSES // 2),
        (lambda count: c.SubsetOf("markings", frozenset(map(str, range(count)))), MAX_CLAUSES - 1),
        (lambda count: c.ContainsAll("markings", frozenset(map(str, range(count)))), MAX_CLAUSES),
        (lambda count: c.All(tuple(c.OneOf("weight", frozenset({n})) for n in range(count))), MAX_CLAUSES // 2),
    ],
    ids=["terms", "not", "subset", "contains all", "numbers"],
)
def test_filter_that_a_node_would_refuse_is_refused_with_the_mend(condition: Any, largest: int) -> None:  # noqa: ANN401
    assert bounded(opensearch_filter(condition(largest), TYPES))
    with pytest.raises(SearchUnavailableError, match="write fewer conditions"):
        bounded(opensearch_filter(condition(largest + 1), TYPES))


def test_one_clause_holds_any_number_of_groups() -> None:
    groups = frozenset(f"acme/g{number}" for number in range(200_000))
    assert bounded(opensearch_filter(c.Intersects("readers", groups), TYPES))
