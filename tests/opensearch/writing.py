"""Writes without end to a deployment whose registry outlives it: for each line read, in a new process of its own.

Usage: python -m tests.opensearch.writing REGISTRY_ENDPOINT TABLE OPENSEARCH_URL; a line is a seed, the answer a pid.
"""

import os
import random
import sys

from retrieval.dynamodb_pointer import DynamoDBPointers
from retrieval.dynamodb_registry import DynamoDBRegistry
from retrieval.errors import RetrievalError
from retrieval.opensearch_address import Address
from retrieval.opensearch_admin import OpenSearchAdmin
from retrieval.opensearch_client import Engine
from tests.opensearch.deployment import DESIGN, SHIPPED, Deployment
from tests.support.cloud import dynamodb

NAMES = tuple(f"notes/{number}" for number in range(4))


def deployed(endpoint: str, table: str, url: str) -> Deployment:
    """Return the deployment whose registry lies in this table."""
    client = dynamodb(endpoint)
    registry = DynamoDBRegistry(client, table, SHIPPED.attributes.document)
    return Deployment(OpenSearchAdmin(Engine.at(Address(url)), DESIGN), registry, DynamoDBPointers(client, table))


def write(made: Deployment, seed: str) -> None:
    """Do one thing after another until the end."""
    choose = random.Random(seed)  # noqa: S311 - repeatable
    while True:
        name = choose.choice(NAMES)
        try:
            if choose.random() < 0.2:
                made.retire(name)
            else:
                made.ingest(name, text(choose), "acme/staff", f"acme/g{choose.randint(0, 3)}")
        except RetrievalError:
            continue  # nothing is there to retire yet


def text(choose: random.Random) -> str:
    """Return one of few texts, so that some are the same again."""
    return "\n\n".join(f"Paragraph {number} of text {choose.randint(0, 2)}" for number in range(choose.randint(1, 5)))


def main() -> None:
    """Start a writer for each line."""
    for line in sys.stdin:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            write(deployed(*sys.argv[1:]), line.strip())
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        os.waitpid(pid, 0)
        sys.stdout.write("ended\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
