"""The local index: it finds within the scope alone, and forgets what it is told to forget."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from authz.policy_set import PolicySet, load_policies
from authz.resource import EntityId, TenantId
from authz.schema import read_schema
from authz.scope import Scope, scope
from retrieval.deadline import Deadline
from retrieval.document import TITLE
from retrieval.errors import DeadlineExceededError, IndexMismatchError, SearchUnavailableError
from retrieval.index import Hit, IndexedPassage, Labels, Query
from retrieval.sqlite import SQLiteIndex
from retrieval.sqlite_file import SQLiteFile
from retrieval.sqlite_filter import sql_filter
from retrieval.sqlite_writer import SQLiteIndexWriter
from tests.support.doors import ATTRIBUTES, someone
from tests.support.worlds import NOW, seeded, wide_schema

SHIPPED = load_policies()
SIZE = 8
STAFF = ("acme/staff",)


def vector(seed: str) -> Any:  # noqa: ANN401 - an array
    found = np.random.default_rng(abs(hash_of(seed))).normal(size=SIZE).astype(np.float32)
    return found / np.linalg.norm(found)


def hash_of(text: str) -> int:
    return int.from_bytes(text.encode().ljust(8, b"0")[:8], "big")


def query(text: str = "alpha beta") -> Query:
    return Query(text, vector(text))


def labels(revision: int = 1, *readers: str, **changed: Any) -> Labels:  # noqa: ANN401 - attributes
    attributes = {**ATTRIBUTES, "readers": frozenset(readers or STAFF), **changed}
    return Labels(revision, attributes, frozenset({"acme/company"}))


def passages(*texts: str) -> list[IndexedPassage]:
    found = [IndexedPassage(n, text, vector(text)) for n, text in enumerate(texts, start=1)]
    return [IndexedPassage(TITLE, "A title", None), *found]


def allowed(*groups: str, policies: PolicySet = SHIPPED, **held: Any) -> Scope:  # noqa: ANN401 - attributes
    return scope(someone(*(groups or STAFF), **held), policies, NOW)


def soon() -> Deadline:
    return Deadline.after(30)


@pytest.fixture
def file(tmp_path: Path) -> SQLiteFile:
    prepared = SQLiteFile(tmp_path / "index.db", SHIPPED.attributes, "a-model", SIZE)
    prepared.prepare()
    return prepared


def write(file: SQLiteFile, name: str, *texts: str, under: Labels | None = None, version: int = 1) -> None:
    SQLiteIndexWriter(file).put(EntityId(name), version, under or labels(), passages(*texts))


def texts(hits: Any) -> list[str]:  # noqa: ANN401 - hits
    return [hit.untrusted_text for hit in hits]


def found(file: SQLiteFile, who: Scope | None = None) -> list[str]:
    return [hit.document for hit in SQLiteIndex(file).documents(who or allowed(), None, 50, soon())]


def test_search_finds_by_word_and_by_vector_what_the_scope_allows(file: SQLiteFile) -> None:
    write(file, "acme/words", "alpha beta gamma")
    write(file, "acme/hidden", "alpha beta", under=labels(1, "acme/board"))
    write(file, "acme/other", "nothing of the kind")
    hits = SQLiteIndex(file).search(query(), allowed(), 10, soon())
    assert texts(hits)[0] == "alpha beta gamma"
    assert {hit.document for hit in hits} == {"acme/words", "acme/other"}
    assert hits[0] == Hit(SHIPPED.tenants.__iter__().__next__(), EntityId("acme/words"), 1, 1, 1, "alpha beta gamma")


def test_passage_in_both_legs_comes_first(file: SQLiteFile) -> None:
    write(file, "acme/a", "alpha alpha alpha")
    write(file, "acme/b", "alpha beta")
    assert texts(SQLiteIndex(file).search(query("alpha beta"), allowed(), 1, soon())) == ["alpha beta"]


@pytest.mark.parametrize(
    "text", ["", '"', "*", "alpha OR (", "NEAR(", "\x00", "\U0001f512 \u202e", "'; --", "a" * 4096]
)
def test_question_is_never_read_as_a_query(text: str, file: SQLiteFile) -> None:
    write(file, "acme/a", "alpha")
    hits = SQLiteIndex(file).search(Query(text, vector("x")), allowed(), 5, soon())
    assert texts(hits) == ["alpha"]


@pytest.mark.parametrize("k", [-3, 0])
def test_no_k_finds_nothing(k: int, file: SQLiteFile) -> None:
    write(file, "acme/a", "alpha", "beta")
    index = SQLiteIndex(file)
    assert list(index.search(query(), allowed(), k, soon())) == []
    assert list(index.documents(allowed(), None, k, soon())) == []
    assert list(index.passages(EntityId("acme/a"), allowed(), -1, k, soon())) == []


def test_filter_stands_once_in_every_statement_that_reads_documents(file: SQLiteFile, monkeypatch: Any) -> None:  # noqa: ANN401
    write(file, "acme/a", "alpha")
    sent: list[str] = []
    connect = sqlite3.connect

    def watched(*args: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 - as sqlite3
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_trace_callback(sent.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", watched)
    who = allowed()
    SQLiteIndex(file).search(query(), who, 5, soon())
    SQLiteIndex(file).documents(who, None, 5, soon())
    SQLiteIndex(file).passages(EntityId("acme/a"), who, 0, 5, soon())
    reading = [sql for sql in sent if "passage" in sql and "temp." not in sql]
    assert len(reading) == 5  # the text leg, the vector leg, the rows of both, the list, the view
    condition = expanded(file, who)
    for sql in reading:
        assert sql.count(condition) == 1
        assert sql.count("FROM passage") == sql.count("JOIN document") == 1


def expanded(file: SQLiteFile, who: Scope) -> str:
    """Return the filter as SQLite traces it, with its parameters in place."""
    rendered, traced = sql_filter(who.condition, SHIPPED.attributes.document), list[str]()
    with closing(sqlite3.connect(file.path)) as connection:
        connection.set_trace_callback(traced.append)
        connection.execute(f"SELECT 1 FROM document WHERE {rendered.sql}", rendered.parameters)  # noqa: S608
    return traced[-1].removeprefix("SELECT 1 FROM document WHERE ")


def test_hidden_documents_change_no_result_and_no_rank(tmp_path: Path) -> None:
    random, words = seeded("hidden"), ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]
    plain, crowded = (SQLiteFile(tmp_path / name, SHIPPED.attributes, "m", SIZE) for name in ("a.db", "b.db"))
    plain.prepare()
    crowded.prepare()
    for number in range(60):
        text = " ".join(random.choices(words, k=random.randint(1, 30))) + f" {number}"
        hidden = "alpha " * random.randint(1, 20) + f"rare {number}"
        write(crowded, f"acme/hidden-{number}", hidden, hidden + " beta", under=labels(1, "acme/board"))
        for file in (plain, crowded):
            write(file, f"acme/{number}", text)
    for text in ("alpha", "beta gamma", "rare alpha", "zeta zeta epsilon", "nothing"):
        expected = SQLiteIndex(plain).search(query(text), allowed(), 50, soon())
        assert list(SQLiteIndex(crowded).search(query(text), allowed(), 50, soon())) == list(expected)
        assert len(expected) == 50


def test_documents_and_passages_are_paged_in_order(file: SQLiteFile) -> None:
    for name in ("acme/c", "acme/a", "acme/b"):
        write(file, name, "one", "two", "three")
    index, who = SQLiteIndex(file), allowed()
    assert found(file) == ["acme/a", "acme/b", "acme/c"]
    assert [hit.document for hit in index.documents(who, EntityId("acme/a"), 1, soon())] == ["acme/b"]
    assert [hit.ordinal for hit in index.passages(EntityId("acme/a"), who, -1, 9, soon())] == [0, 1, 2, 3]
    assert texts(index.passages(EntityId("acme/a"), who, 1, 1, soon())) == ["two"]
    assert list(index.passages(EntityId("acme/a"), allowed("acme/others"), -1, 9, soon())) == []


def test_principal_of_70000_groups_is_answered(file: SQLiteFile) -> None:
    write(file, "acme/a", "alpha", under=labels(1, "acme/g69999"))
    assert found(file, allowed(*(f"acme/g{number}" for number in range(70_000)))) == ["acme/a"]
    assert found(file, allowed(*(f"acme/g{number}" for number in range(33_000)))) == []


def test_passed_deadline_is_noticed_before_and_while_the_engine_works(file: SQLiteFile) -> None:
    with pytest.raises(DeadlineExceededError):
        SQLiteIndex(file).search(query(), allowed(), 5, Deadline.after(-1))
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with (
        pytest.raises(SearchUnavailableError, match="OperationalError"),
        file.connect(Deadline.after(0.2)) as connection,
    ):
        connection.execute(endless).fetchone()


@pytest.mark.parametrize("bad", [np.zeros(SIZE - 1), np.zeros((1, SIZE)), np.full(SIZE, np.nan), np.full(SIZE, np.inf)])
def test_bad_vector_is_neither_asked_nor_written(bad: Any, file: SQLiteFile) -> None:  # noqa: ANN401 - an array
    write(file, "acme/a", "alpha")
    with pytest.raises(SearchUnavailableError, match="not finite or not of 8 dimensions"):
        SQLiteIndex(file).search(Query("alpha", bad.astype(np.float32)), allowed(), 5, soon())
    with pytest.raises(IndexMismatchError, match="finite vectors of 8"):
        SQLiteIndexWriter(file).put(EntityId("acme/a"), 1, labels(2), [IndexedPassage(1, "x", bad.astype(np.float32))])
    assert texts(SQLiteIndex(file).search(query("alpha"), allowed(), 5, soon())) == ["alpha"]


def test_passage_without_a_vector_and_title_with_one_are_refused(file: SQLiteFile) -> None:
    for passage in (IndexedPassage(1, "x", None), IndexedPassage(TITLE, "x", vector("x"))):
        with pytest.raises(IndexMismatchError, match="a title has none"):
            SQLiteIndexWriter(file).put(EntityId("acme/a"), 1, labels(), [passage])


def test_file_made_for_something_else_is_refused_with_the_mend(file: SQLiteFile) -> None:
    wide = read_schema(wide_schema())
    for other in (replace(file, model="b-model"), replace(file, dimensions=9), replace(file, attributes=wide)):
        with pytest.raises(IndexMismatchError, match="delete it and ingest again"):
            other.prepare()


@pytest.mark.parametrize("content", [b"", b"garbage that is no database at all" * 99])
def test_file_that_is_no_index_is_unavailable(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(content)
    broken = SQLiteFile(tmp_path / "x.db", SHIPPED.attributes, "m", SIZE)
    with pytest.raises(SearchUnavailableError):
        SQLiteIndex(broken).search(query(), allowed(), 5, soon())


def test_row_with_a_malformed_id_is_handed_to_door_two_and_stops_nothing(file: SQLiteFile) -> None:
    write(file, "acme/a", "alpha")
    write(file, "no tenant", "alpha")
    hits = SQLiteIndex(file).search(query("alpha"), allowed(), 5, soon())
    assert {hit.tenant for hit in hits} == {"acme", "no tenant"}


def test_older_revision_never_overwrites_a_newer_one(file: SQLiteFile) -> None:
    writer = SQLiteIndexWriter(file)
    write(file, "acme/a", "new", under=labels(5, "acme/board"))
    write(file, "acme/a", "old", under=labels(4))
    writer.relabel(EntityId("acme/a"), 1, labels(3))
    assert found(file) == []
    writer.relabel(EntityId("acme/a"), 1, labels(6))
    hits = SQLiteIndex(file).search(query(), allowed(), 5, soon())
    assert [(hit.untrusted_text, hit.revision) for hit in hits] == [("new", 6)]


def test_relabel_replaces_every_attribute_and_collection(file: SQLiteFile) -> None:
    write(file, "acme/a", "x", under=labels(1, embargo_until=2**53, markings=frozenset({"m"})))
    moved = Labels(2, {**ATTRIBUTES, "classification": 9}, frozenset({"acme/finance"}))
    SQLiteIndexWriter(file).relabel(EntityId("acme/a"), 1, moved)
    with closing(sqlite3.connect(file.path)) as connection:
        row = connection.execute('SELECT "a_classification", "a_embargo_until", "n_markings" FROM document').fetchone()
        elements = set(connection.execute("SELECT attribute, value FROM element"))
    assert row == (9, None, 0)
    assert elements == {("", "acme/finance"), ("readers", "acme/staff")}


def test_removal_wins_over_whatever_comes_late(file: SQLiteFile) -> None:
    writer, name = SQLiteIndexWriter(file), EntityId("acme/a")
    write(file, "acme/a", "alpha", under=labels(2))
    writer.remove(name, 4)
    assert not writer.holds(name)
    write(file, "acme/a", "alpha", under=labels(3), version=2)
    writer.relabel(name, 1, labels(3))
    assert not writer.holds(name)
    writer.remove(name, 2)
    write(file, "acme/a", "alpha", under=labels(3))
    assert not writer.holds(name)
    write(file, "acme/a", "again", under=labels(4), version=3)
    assert writer.holds(name)


def test_removal_leaves_newer_versions_and_other_documents(file: SQLiteFile) -> None:
    write(file, "acme/a", "old", under=labels(1))
    write(file, "acme/a", "new", under=labels(2), version=2)
    write(file, "acme/b", "other")
    SQLiteIndexWriter(file).remove(EntityId("acme/a"), 2)
    assert set(texts(SQLiteIndex(file).search(query(), allowed(), 9, soon()))) == {"new", "other"}


def test_erased_text_is_in_no_byte_of_the_files_even_while_another_reader_is_open(file: SQLiteFile) -> None:
    secret = "xylophone quarterly zirconium"
    write(file, "acme/keep", "alpha " * 500)
    write(file, "acme/a", *(f"{secret} {number}" for number in range(50)))
    with closing(sqlite3.connect(file.path)) as reader:
        reader.execute("SELECT count(*) FROM passage").fetchall()
        assert b"xylophon" in everything(file)
        SQLiteIndexWriter(file).remove(EntityId("acme/a"), 2)
        assert b"xylophon" not in everything(file)
        assert b"zirconium" not in everything(file)
        assert vector(f"{secret} 7").tobytes() not in everything(file)


def test_replaced_text_is_gone_too(file: SQLiteFile) -> None:
    write(file, "acme/a", "xylophone", under=labels(1))
    write(file, "acme/a", "alpha", under=labels(2))
    assert b"xylophon" not in everything(file)


def everything(file: SQLiteFile) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(file.path.parent.glob("index.db*")))


def test_write_that_fails_half_way_leaves_what_was(file: SQLiteFile) -> None:
    write(file, "acme/a", "alpha")
    twice = [IndexedPassage(1, "x", vector("x")), IndexedPassage(1, "y", vector("y"))]
    with pytest.raises(SearchUnavailableError):
        SQLiteIndexWriter(file).put(EntityId("acme/a"), 1, labels(2), twice)
    assert texts(SQLiteIndex(file).search(query(), allowed(), 5, soon())) == ["alpha"]


def test_text_that_sqlite_cannot_hold_is_an_error_of_the_index(file: SQLiteFile) -> None:
    with pytest.raises(SearchUnavailableError):
        SQLiteIndex(file).search(Query("\ud800", vector("x")), allowed(), 5, soon())
    with pytest.raises(SearchUnavailableError):
        SQLiteIndex(file).passages(EntityId("acme/a"), allowed(), 2**70, 5, soon())


def test_stamps_name_the_versions_and_revisions_of_one_tenant_alone(file: SQLiteFile) -> None:
    write(file, "acme/a", "alpha")
    write(file, "acme/a", "beta", under=labels(2), version=2)
    write(file, "acme/b", "gamma", under=labels(7))
    write(file, "acmex/c", "delta")
    found = SQLiteIndexWriter(file).stamps(TenantId("acme"))
    assert found == {"acme/a": frozenset({(1, 1), (2, 2)}), "acme/b": frozenset({(1, 7)})}
    assert SQLiteIndexWriter(file).stamps(TenantId("nobody")) == {}
