"""The engines that the kit knows, by name: each a factory of an empty index and its writer."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from authz.schema import AttributeSchema
from retrieval.opensearch import OpenSearchIndex
from retrieval.opensearch_address import Address
from retrieval.opensearch_admin import OpenSearchAdmin
from retrieval.opensearch_client import Engine
from retrieval.opensearch_mapping import IndexDesign, index_name
from retrieval.opensearch_rows import Rows
from retrieval.opensearch_writer import OpenSearchIndexWriter
from retrieval.sqlite import SQLiteIndex
from retrieval.sqlite_file import SQLiteFile
from retrieval.sqlite_writer import SQLiteIndexWriter
from tests.conformance.kit import DIMENSIONS, MOST, Factory, Opened

_MODEL = "none"
ADDRESS = "ANTECHAMBER_OPENSEARCH_URL"


@contextmanager
def sqlite(schema: AttributeSchema) -> Iterator[Opened]:
    """Yield an empty local index."""
    with TemporaryDirectory() as folder:
        file = SQLiteFile(Path(folder) / "index.sqlite", schema, _MODEL, DIMENSIONS)
        file.prepare()
        yield SQLiteIndex(file, leg=MOST), SQLiteIndexWriter(file)


@contextmanager
def opensearch(schema: AttributeSchema) -> Iterator[Opened]:
    """Yield an empty index in the OpenSearch at `ADDRESS`, which the kit's fixtures or `make prove` start."""
    engine = Engine.at(Address(os.environ[ADDRESS]))
    design = IndexDesign(schema, _MODEL, DIMENSIONS)
    admin, name = OpenSearchAdmin(engine, design), index_name(f"antechamber-test-{secrets.token_hex(6)}")
    admin.create(name)
    try:
        yield OpenSearchIndex(engine, name, design, leg=MOST), OpenSearchIndexWriter(Rows(engine, name), design)
    finally:
        admin.drop(name)


ENGINES: Mapping[str, Factory] = {"sqlite": sqlite, "opensearch": opensearch}
