"""From nothing to an engine: the one at an address, or the one that tests and measurements share."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from retrieval.opensearch_address import Address
from retrieval.opensearch_client import Engine
from tests.conformance.engines import ADDRESS
from tests.opensearch.node import shared


@contextmanager
def node() -> Iterator[Engine]:
    """Yield the engine at `ADDRESS` if that is set, or else the shared one."""
    with ExitStack() as stack:
        engine = Engine.at(Address(os.environ.get(ADDRESS) or stack.enter_context(shared())))
        engine.check_version()
        yield engine


def versions(engine: Engine) -> Mapping[str, str]:
    """Return what was measured: the engine, its libraries, its JVM and how much memory that has."""
    version = engine.call("GET", "/")["version"]
    (told,) = engine.call("GET", "/_nodes/_local")["nodes"].values()
    jvm = told["jvm"]
    return {
        "opensearch": version["number"],
        "lucene": version["lucene_version"],
        "k-nn engine": "lucene (HNSW)",
        "jvm": f"{jvm['vm_name']} {jvm['version']}, heap {jvm['mem']['heap_max_in_bytes'] >> 20} MB",
    }
