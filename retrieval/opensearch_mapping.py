"""From the Cedar schema to the one mapping that an OpenSearch index may have, and what a live index has otherwise.

Access attributes are never analysed and never cut (`ignore_above` would drop a long value, and a negated filter would
match), and no field is ever added by a document (`dynamic: strict`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NewType

from authz.schema import AttributeSchema, AttributeType
from retrieval.errors import IndexMismatchError
from retrieval.opensearch_filter import COLLECTIONS, MAX_TERMS

Plain = Mapping[str, Any]
"""JSON as the engine speaks it."""

IndexName = NewType("IndexName", str)

KnnEngine = Literal["lucene", "faiss"]

PREFIX = "antechamber-"
"""Of every index's name: the cluster is told that no write may create an index called so."""

DOCUMENT, VERSION, REVISION, ORDINAL, TEXT, VECTOR = "document", "version", "revision", "ordinal", "text", "vector"
ACCESS, COUNT = "access", "count"
"""Of the access attributes, and of the numbers of elements of those that are sets."""
MAX_ORDINAL = (1 << 31) - 1
"""The largest number that the field of ordinals holds; a search beyond it is refused."""
HIT = (DOCUMENT, VERSION, REVISION, ORDINAL, TEXT)
"""The fields of a hit: no access attribute is ever returned."""

_NAME = re.compile(rf"{PREFIX}[a-z0-9][a-z0-9-]{{0,99}}")
_TYPES: Mapping[str, Plain] = {
    "string": {"type": "keyword"},
    "entity": {"type": "keyword"},
    "long": {"type": "long"},
    "boolean": {"type": "boolean"},
    # Not `date`: there `gt`, `lte` and `terms` misjudge every instant before 1970 (measured on 3.5).
    "datetime": {"type": "long"},
}
_VARYING = re.compile(
    r"index\.(uuid|creation_date|provided_name|version\.\w+|number_of_shards|number_of_replicas|auto_expand_replicas"
    r"|refresh_interval|replication\.type|routing\.allocation\..+|blocks\.\w+|unassigned\..+|merge\..+|translog\.(?!durability).+"
    r"|search\.slowlog\..+|indexing\.slowlog\..+|knn\.algo_param\.ef_search|knn\.derived_source\.enabled)"
)
"""Settings that change where and how an index is kept, and neither what it finds nor what it returns."""


@dataclass(frozen=True, slots=True)
class IndexDesign:
    """All that an index of this deployment must have been made for."""

    attributes: AttributeSchema
    model: str
    """The embedding model's id."""
    dimensions: int
    engine: KnnEngine = "lucene"
    analyzer: str = "standard"
    """Of passages' text: one of the engine's own, such as `standard`, `english` or `german`."""
    shards: int = 1
    replicas: int = 0

    def mappings(self) -> Plain:
        """Return the mapping, generated from the schema."""
        types = self.attributes.document
        sets = sorted(name for name, type_ in types.items() if type_.is_set)
        counts = {"dynamic": "strict", "properties": {name: {"type": "integer"} for name in sets}}
        return {
            "dynamic": "strict",
            "_meta": {"made_by": "antechamber", "format": 1, "model": self.model},
            "properties": {
                DOCUMENT: {"type": "keyword"},
                VERSION: {"type": "long"},
                REVISION: {"type": "long"},
                ORDINAL: {"type": "integer"},
                TEXT: {"type": "text", "analyzer": self.analyzer},
                VECTOR: {
                    "type": "knn_vector",
                    "dimension": self.dimensions,
                    "method": {
                        "name": "hnsw",
                        "engine": self.engine,
                        # Of unit vectors the inner product is the cosine.
                        "space_type": "innerproduct",
                        "parameters": {"m": 16, "ef_construction": 128},
                    },
                },
                COLLECTIONS: {"type": "keyword"},
                ACCESS: {"dynamic": "strict", "properties": {name: _type(types[name]) for name in sorted(types)}},
                **({COUNT: counts} if sets else {}),
            },
        }

    def settings(self) -> Plain:
        """Return the settings of a new index."""
        return {
            "index.knn": "true",
            "index.max_terms_count": str(MAX_TERMS),
            "index.number_of_shards": str(self.shards),
            "index.number_of_replicas": str(self.replicas),
        }

    def check(self, name: IndexName, live: Plain) -> None:
        """Return if `live`, the engine's answer to `GET /name?flat_settings`, is what this design generates.

        Raises `IndexMismatchError` that lists every difference and names the mend.
        """
        found = live.get(name)
        if not isinstance(found, Mapping) or len(live) != 1 or not {"mappings", "settings"} <= found.keys():
            message = f'"{name}" is an alias, a data stream or a pattern: the registry must name one concrete index'
            raise IndexMismatchError(message)
        differences = [*_differences(self.mappings(), found["mappings"]), *self._unlike(found["settings"])]
        if differences:
            message = (
                f"the index {name} is not what the schema and the settings generate:\n  "
                + "\n  ".join(differences)
                + "\nFill one that is with `antechamber index rebuild`, or restore the settings that it was made with."
            )
            raise IndexMismatchError(message)

    def _unlike(self, settings: Plain) -> Iterator[str]:
        wanted = {key: value for key, value in self.settings().items() if not _VARYING.fullmatch(key)}
        live = {key: value for key, value in settings.items() if not _VARYING.fullmatch(key)}
        yield from _differences(wanted, live)


def index_name(text: str) -> IndexName:
    """Return `text` as the name of one concrete index. Raises `IndexMismatchError` for a pattern, a list, a path."""
    if not is_ours(text):
        message = (
            f'"{text[:100]}" names no index of ours: "{PREFIX}" and 1 to 100 of a-z 0-9 -, no wildcard, comma or dot'
        )
        raise IndexMismatchError(message)
    return IndexName(text)


def is_ours(text: str) -> bool:
    """Return whether an index called `text` can be one of ours."""
    return _NAME.fullmatch(text) is not None


def _type(type_: AttributeType) -> Plain:
    return _TYPES[type_.kind]


def _differences(wanted: Plain, live: Plain) -> Iterator[str]:
    """Yield a line for each leaf that differs, is missing, or is there without being wanted."""
    expected, found = dict(_leaves(wanted)), dict(_leaves(live))
    for path in sorted(expected.keys() | found.keys()):
        if path not in found:
            yield f"{path}: missing, must be {expected[path]}"
        elif path not in expected:
            yield f"{path}: is {found[path]}, must not be there"
        elif expected[path] != found[path]:
            yield f"{path}: is {found[path]}, must be {expected[path]}"


def _leaves(plain: Plain, path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in plain.items():
        at = f"{path}.{key}" if path else key
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, at)
        else:
            yield at, str(value).lower() if isinstance(value, bool) else str(value)
