"""A condition in SQL: the same truth as `holds`, and nothing of a value in the query's text."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from authz import condition as c
from authz.compiler import MAX_LEVELS
from authz.holds import holds
from authz.resource import EntityId, Resource
from authz.schema import AttributeSchema, read_schema
from retrieval.index import IndexedPassage, Labels
from retrieval.sqlite_file import SQLiteFile
from retrieval.sqlite_filter import SQLFilter, sql_filter
from retrieval.sqlite_writer import SQLiteIndexWriter
from tests.support.doors import ATTRIBUTES
from tests.support.worlds import wide_schema


@dataclass(frozen=True, slots=True)
class Shelf:
    """Documents, and a real index file that holds them."""

    documents: Sequence[Resource]
    file: SQLiteFile

    @classmethod
    def of(cls, documents: Sequence[Resource], schema: AttributeSchema, path: Path) -> "Shelf":
        """Return a shelf of `documents`, indexed by the real writer."""
        file = SQLiteFile(path, schema, model="none", dimensions=2)
        file.prepare()
        writer = SQLiteIndexWriter(file)
        for each in documents:
            title = [IndexedPassage(0, f"Title of {each.uid}", None)]
            writer.put(each.uid, 1, Labels(1, each.attributes, each.collections), title)
        return cls(documents, file)

    def find(self, condition: SQLFilter) -> frozenset[str]:
        """Return the ids of all documents that the filter leaves, by one query."""
        with closing(sqlite3.connect(self.file.path)) as connection:
            rows = connection.execute(
                f"SELECT document.document FROM document WHERE {condition.sql}",  # noqa: S608 - the filter under test
                condition.parameters,
            )
            return frozenset(row[0] for row in rows)


SCHEMA = read_schema(wide_schema())
BARE = Resource(EntityId("acme/bare"), {**ATTRIBUTES, "expires": 0})
FULL = Resource(
    EntityId("acme/full"),
    {
        **ATTRIBUTES,
        "expires": 5,
        "region": "a*b?[c]\\d'\"%_-/",
        "weight": -(2**63),
        "reviewed": False,
        "labels": frozenset({"café", "x"}),
        "markings": frozenset({"m"}),
        "steward": "acme/hr",
    },
    frozenset({"acme/finance", "acme/company"}),
)
EMPTY = Resource(EntityId("acme/empty"), {**BARE.attributes, "labels": frozenset(), "weight": 2**63 - 1})
DOCUMENTS = (BARE, FULL, EMPTY)

LEAVES: list[c.Leaf] = [
    c.OneOf("audience", frozenset({"few", "x"})),
    c.OneOf("region", frozenset({"a*b?[c]\\d'\"%_-/"})),
    c.OneOf("reviewed", frozenset({False})),
    c.OneOf("weight", frozenset({2**63 - 1})),
    c.OneOf("weight", frozenset({-(2**63)})),
    c.OneOf("weight", frozenset({2**53, 2**53 + 1})),
    c.Intersects("labels", frozenset({"café"})),
    c.Intersects("labels", frozenset({"cafe\u0301"})),
    c.SubsetOf("labels", frozenset({"café", "x", "y"})),
    c.SubsetOf("labels", frozenset({"x"})),
    c.SubsetOf("labels", frozenset()),
    c.ContainsAll("labels", frozenset({"x", "café"})),
    c.ContainsAll("labels", frozenset({"x", "z"})),
    c.Empty("labels"),
    c.Compare("weight", "<", 2**63 - 1),
    c.Compare("weight", "<=", -(2**63)),
    c.Compare("weight", ">", -(2**63)),
    c.Compare("weight", ">=", 2**63 - 1),
    c.Present("region"),
    c.Present("labels"),
    c.Within(frozenset({"acme/company", "acme/none"})),
    c.Within(frozenset({"acme/Company"})),
    c.Matches("region", ("a*b", "")),
    c.Matches("region", ("", "?[c]\\", "/")),
    c.Matches("region", ("", "")),
    c.Matches("region", ("A", "")),
    c.Matches("audience", ("few",)),
]


def _named(leaf: c.Leaf) -> str:
    return json.dumps(c.to_plain(leaf))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf.of(DOCUMENTS, SCHEMA, tmp_path_factory.mktemp("filter") / "index.db")


def found(shelf: Shelf, condition: c.Condition) -> frozenset[str]:
    return shelf.find(sql_filter(condition, SCHEMA.document))


def held(condition: c.Condition) -> frozenset[str]:
    return frozenset(each.uid for each in DOCUMENTS if holds(condition, each))


@pytest.mark.parametrize("leaf", LEAVES, ids=_named)
def test_leaf_and_its_negation_part_the_documents_as_holds_does(leaf: c.Leaf, shelf: Shelf) -> None:
    assert found(shelf, leaf) == held(leaf)
    assert found(shelf, c.not_(leaf)) == held(c.not_(leaf))
    assert found(shelf, leaf) | found(shelf, c.not_(leaf)) == held(c.ALWAYS)


@pytest.mark.parametrize("leaf", LEAVES, ids=_named)
def test_leaf_is_never_unknown(leaf: c.Leaf, shelf: Shelf) -> None:
    rendered = sql_filter(leaf, SCHEMA.document)
    known = SQLFilter(f"(({rendered.sql}) IS NULL)", rendered.parameters)
    assert shelf.find(known) == frozenset()


def test_constants_are_all_and_nothing(shelf: Shelf) -> None:
    assert found(shelf, c.ALWAYS) == {"acme/bare", "acme/full", "acme/empty"}
    assert found(shelf, c.NEVER) == frozenset()


@pytest.mark.parametrize(
    "value", ["'; DROP TABLE document; --", '"', "?", ") OR (1", "a_audience", "\U0001f512", "\u202e"]
)
def test_no_value_becomes_text_of_the_query(value: str, shelf: Shelf) -> None:
    makers: list[Callable[[str], c.Leaf]] = [
        lambda text: c.OneOf("audience", frozenset({text})),
        lambda text: c.Intersects("labels", frozenset({text})),
        lambda text: c.Matches("audience", (text, "")),
        lambda text: c.Within(frozenset({text})),
    ]
    for make in makers:
        assert sql_filter(make(value), SCHEMA.document).sql == sql_filter(make("harmless"), SCHEMA.document).sql
        assert found(shelf, make(value)) == frozenset()


@pytest.mark.parametrize("group", [c.All, c.Any])
def test_two_thousand_items_fit_one_query(group: type[c.All | c.Any], shelf: Shelf) -> None:
    items = tuple(c.Compare("classification", ">=", 2 - number % 2 - number) for number in range(2_000))
    assert found(shelf, group(items)) == held(group(items))


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("width", [2, 30])
def test_deepest_condition_that_loads_fits_one_query(last: bool, width: int, shelf: Shelf) -> None:  # noqa: FBT001
    condition: c.Condition = c.SubsetOf("markings", frozenset({"m"}))
    for number in range(MAX_LEVELS + 3):  # a set of policies adds: all of (any of permits, none of the forbids)
        others = [c.OneOf("classification", frozenset({number, each})) for each in range(width - 1)]
        items = (*others, condition) if last else (condition, *others)
        condition = c.Any(items) if number % 2 else c.All((*items, c.Present("audience")))
    assert found(shelf, condition) == held(condition)


@pytest.mark.parametrize("count", [32_767, 70_000])
def test_any_number_of_groups_is_one_parameter(count: int, shelf: Shelf) -> None:
    groups = frozenset(f"acme/g{number}" for number in range(count)) | {"acme/staff"}
    rendered = sql_filter(c.Intersects("readers", groups), SCHEMA.document)
    assert len(rendered.parameters) == 2
    assert shelf.find(rendered) == held(c.ALWAYS)
    assert found(shelf, c.Intersects("readers", groups - {"acme/staff"})) == frozenset()


def test_filter_is_of_the_row_document_alone(shelf: Shelf, tmp_path: Path) -> None:
    del tmp_path
    for leaf in LEAVES:
        sql = sql_filter(leaf, SCHEMA.document).sql
        assert "document." in sql
        with pytest.raises(sqlite3.Error), sqlite3.connect(shelf.file.path) as connection:
            connection.execute(f"SELECT 1 FROM passage WHERE {sql}")  # noqa: S608 - must not stand alone
