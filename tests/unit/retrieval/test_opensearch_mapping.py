"""The mapping is generated from the schema; a live index that differs in anything is refused, saying in what."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from authz.schema import read_schema
from retrieval.errors import IndexMismatchError
from retrieval.opensearch_mapping import HIT, IndexDesign, index_name, is_ours
from tests.support.worlds import shipped, wide_schema

NAME = index_name("antechamber-one")
DESIGN = IndexDesign(read_schema(wide_schema()), "a-model", 8)
KEYWORD, LONG, BOOLEAN = {"type": "keyword"}, {"type": "long"}, {"type": "boolean"}
DATE, COUNT = {"type": "long"}, {"type": "integer"}
VARYING = {
    "index.uuid": "x", "index.creation_date": "1795817839449", "index.provided_name": NAME,
    "index.version.created": "137267827", "index.replication.type": "SEGMENT", "index.refresh_interval": "30s",
    "index.blocks.write": "true", "index.routing.allocation.total_shards_per_node": "2", "index.number_of_shards": "7",
    "index.merge.policy.max_merged_segment": "2g", "index.translog.flush_threshold_size": "1g",
    "index.knn.derived_source.enabled": "true", "index.search.slowlog.threshold.query.warn": "1s",
}  # fmt: skip


def test_mapping_of_the_wide_schema() -> None:
    assert DESIGN.mappings() == {
        "dynamic": "strict",
        "_meta": {"made_by": "antechamber", "format": 1, "model": "a-model"},
        "properties": {
            "document": KEYWORD,
            "version": LONG,
            "revision": LONG,
            "ordinal": {"type": "integer"},
            "text": {"type": "text", "analyzer": "standard"},
            "vector": {
                "type": "knn_vector",
                "dimension": 8,
                "method": {
                    "name": "hnsw",
                    "engine": "lucene",
                    "space_type": "innerproduct",
                    "parameters": {"m": 16, "ef_construction": 128},
                },
            },
            "collections": KEYWORD,
            "access": {
                "dynamic": "strict",
                "properties": {
                    "audience": KEYWORD, "author": KEYWORD, "blocked": KEYWORD, "classification": LONG,
                    "embargo_until": DATE, "expires": DATE, "labels": KEYWORD, "legal_hold": BOOLEAN,
                    "markings": KEYWORD, "owners": KEYWORD, "quarantined": BOOLEAN, "readers": KEYWORD,
                    "region": KEYWORD, "reviewed": BOOLEAN, "steward": KEYWORD, "tenant": KEYWORD, "weight": LONG,
                },
            },
            "count": {
                "dynamic": "strict",
                "properties": {
                    "blocked": COUNT, "labels": COUNT, "markings": COUNT, "owners": COUNT, "readers": COUNT,
                },
            },
        },
    }  # fmt: skip


def test_no_access_attribute_is_analysed_or_cut() -> None:
    """L-11: nothing of a value is lost, so that look-alikes stay different."""
    for schema in (shipped(), read_schema(wide_schema())):
        access = replace(DESIGN, attributes=schema).mappings()["properties"]["access"]["properties"]
        assert set(access) == set(schema.document)
        assert {each["type"] for each in access.values()} <= {"keyword", "long", "boolean"}
        assert all(each.keys() == {"type"} for each in access.values())


def test_a_hit_carries_no_access_attribute() -> None:
    """L-04."""
    assert set(HIT) == {"document", "version", "revision", "ordinal", "text"}


# A live index.


def live(change: Callable[[Any], object] = lambda index: index) -> dict[str, Any]:
    index = {"aliases": {}, "mappings": DESIGN.mappings(), "settings": {**DESIGN.settings(), **VARYING}}
    index = copy.deepcopy(json.loads(json.dumps(index)))
    change(index)
    return {NAME: index}


def put(value: object, *path: str) -> Callable[[Any], object]:
    def change(index: Any) -> None:  # noqa: ANN401 - JSON
        for step in path[:-1]:
            index = index[step]
        if value is None:
            del index[path[-1]]
        else:
            index[path[-1]] = value

    return change


AT = ("mappings", "properties")
ACCESS = (*AT, "access", "properties")
DIFFERENCES: list[tuple[Callable[[Any], object], str]] = [
    (put({"type": "text"}, *ACCESS, "audience"), "access.properties.audience.type: is text, must be keyword"),
    (put(256, *ACCESS, "audience", "ignore_above"), "audience.ignore_above: is 256, must not be there"),
    (put("lowercase", *ACCESS, "audience", "normalizer"), "audience.normalizer: is lowercase, must not be there"),
    (put(False, *ACCESS, "audience", "index"), "audience.index: is false, must not be there"),  # noqa: FBT003
    (put("acme", *ACCESS, "tenant", "null_value"), "tenant.null_value: is acme, must not be there"),
    (put({"raw": {"type": "text"}}, *ACCESS, "readers", "fields"), "readers.fields.raw.type: is text, must not"),
    (put("document", *ACCESS, "readers", "copy_to"), "readers.copy_to: is document, must not be there"),
    (put("true", "mappings", "dynamic"), "dynamic: is true, must be strict"),
    (put(None, "mappings", "dynamic"), "dynamic: missing, must be strict"),
    (put("false", *AT, "access", "dynamic"), "properties.access.dynamic: is false, must be strict"),
    (put(None, *ACCESS, "readers"), "properties.access.properties.readers.type: missing, must be keyword"),
    (put(None, *AT, "count", "properties", "markings"), "count.properties.markings.type: missing, must be integer"),
    (put({"type": "keyword"}, *AT, "intruder"), "properties.intruder.type: is keyword, must not be there"),
    (put({"type": "object"}, *ACCESS, "intruder"), "access.properties.intruder.type: is object, must not be there"),
    (put([{"all": {}}], "mappings", "dynamic_templates"), "dynamic_templates: is [{'all': {}}], must not be there"),
    (put({"enabled": False}, "mappings", "_source"), "_source.enabled: is false, must not be there"),
    (put({"required": True}, "mappings", "_routing"), "_routing.required: is true, must not be there"),
    (put({"x": {"type": "keyword"}}, "mappings", "derived"), "derived.x.type: is keyword, must not be there"),
    (put(9, *AT, "vector", "dimension"), "properties.vector.dimension: is 9, must be 8"),
    (put("faiss", *AT, "vector", "method", "engine"), "vector.method.engine: is faiss, must be lucene"),
    (put("l2", *AT, "vector", "method", "space_type"), "vector.method.space_type: is l2, must be innerproduct"),
    (put("on_disk", *AT, "vector", "mode"), "vector.mode: is on_disk, must not be there"),
    (put("english", *AT, "text", "analyzer"), "properties.text.analyzer: is english, must be standard"),
    (put("other-model", "mappings", "_meta", "model"), "_meta.model: is other-model, must be a-model"),
    (put(None, "mappings", "_meta"), "_meta.model: missing, must be a-model"),
    (put(2, "mappings", "_meta", "format"), "_meta.format: is 2, must be 1"),
    (put("p", "settings", "index.default_pipeline"), "index.default_pipeline: is p, must not be there"),
    (put("p", "settings", "index.final_pipeline"), "index.final_pipeline: is p, must not be there"),
    (put("p", "settings", "index.search.default_pipeline"), "index.search.default_pipeline: is p, must not be there"),
    (put("10", "settings", "index.max_terms_count"), "index.max_terms_count: is 10, must be 65536"),
    (put(None, "settings", "index.max_terms_count"), "index.max_terms_count: missing, must be 65536"),
    (put("false", "settings", "index.knn"), "index.knn: is false, must be true"),
    (put("0s", "settings", "index.gc_deletes"), "index.gc_deletes: is 0s, must not be there"),
    (put("async", "settings", "index.translog.durability"), "index.translog.durability: is async, must not be there"),
    (
        put("stop", "settings", "index.analysis.analyzer.standard.type"),
        "index.analysis.analyzer.standard.type: is stop, must not be there",
    ),
    (put("document", "settings", "index.sort.field"), "index.sort.field: is document, must not be there"),
]  # fmt: skip


def test_index_as_it_is_generated_is_accepted_wherever_and_however_it_is_kept() -> None:
    DESIGN.check(NAME, live())


@pytest.mark.parametrize(("change", "told"), DIFFERENCES, ids=lambda value: value if isinstance(value, str) else "")
def test_every_difference_is_refused_and_printed_with_the_mend(change: Callable[[Any], object], told: str) -> None:
    with pytest.raises(IndexMismatchError) as refused:
        DESIGN.check(NAME, live(change))
    assert told in str(refused.value)
    assert "antechamber index rebuild" in str(refused.value)


def test_all_differences_are_printed_at_once() -> None:
    def change(index: Any) -> None:  # noqa: ANN401 - JSON
        for each, _ in DIFFERENCES[:2]:
            each(index)

    with pytest.raises(IndexMismatchError) as refused:
        DESIGN.check(NAME, live(change))
    assert str(refused.value).count("\n  ") == 2


def test_schema_with_another_attribute_asks_for_a_rebuild() -> None:
    with pytest.raises(IndexMismatchError, match=r"labels\.type: is keyword, must not be there"):
        replace(DESIGN, attributes=shipped()).check(NAME, live())


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"antechamber-two": live()[NAME]},
        {".ds-antechamber-one-000001": live()[NAME]},
        {**live(), "antechamber-two": live()[NAME]},
        {NAME: None},
        {NAME: {}},
        {NAME: {"mappings": {}}},
    ],
)
def test_l01_what_answers_to_the_name_without_being_that_one_index_is_refused(answer: dict[str, Any]) -> None:
    """An alias answers under its index's name, a data stream under a hidden one, a pattern under several."""
    with pytest.raises(IndexMismatchError, match="must name one concrete index"):
        DESIGN.check(NAME, answer)


@pytest.mark.parametrize(
    "name",
    [
        "", "antechamber-", "antechamber-*", "antechamber-a,antechamber-b", "*", "_all", "antechamber-a/_search",
        "antechamber-a?x", "antechamber-A", "antechamber-a.b", "antechamber--a", "antechamber-a\n", "other-index",
        "-antechamber-a", "<antechamber-{now}>", "antechamber-" + "a" * 101, "antechamber-ä", "cluster:antechamber-a",
    ],
)  # fmt: skip
def test_l01_name_of_anything_but_one_concrete_index_is_refused(name: str) -> None:
    assert not is_ours(name)
    with pytest.raises(IndexMismatchError, match="names no index of ours"):
        index_name(name)


def test_vector_engine_analyzer_and_size_are_the_settings() -> None:
    design = replace(DESIGN, engine="faiss", analyzer="german", shards=3, replicas=2, dimensions=1024)
    properties = design.mappings()["properties"]
    assert properties["vector"]["method"]["engine"] == "faiss"
    assert (properties["vector"]["dimension"], properties["text"]["analyzer"]) == (1024, "german")
    assert design.settings()["index.number_of_shards"] == "3"
    assert design.settings()["index.number_of_replicas"] == "2"
