"""The two sizes of a deployment: everything that differs between them is here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tasks:
    """Fargate tasks of one service."""

    least: int
    most: int
    cpu: int
    """In 1,024ths of a virtual CPU."""
    memory: int
    """In MiB."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """Nodes of the OpenSearch domain."""

    type: str
    count: int
    disk: int
    """GiB of gp3, each."""
    masters: int = 0
    master_type: str = "m7g.medium.search"


@dataclass(frozen=True, slots=True)
class Size:
    """What a deployment consists of, and what it keeps."""

    name: str
    zones: int
    """Availability zones with tasks, endpoints and data nodes; the load balancer always stands in two."""
    answer: Tasks
    documents: Tasks
    ingest: Tasks
    nodes: Nodes
    protected: bool
    """Whether tables, user pool, load balancer and stack refuse to be deleted until somebody lifts that."""
    log_days: int
    lock_days: int
    key_days: int
    """Days that a key waits for its deletion, which costs nothing."""
    budget: int
    """US dollars a month, above which somebody is told."""


DEMO = Size(
    name="demo",
    zones=1,
    answer=Tasks(least=1, most=1, cpu=512, memory=1024),
    documents=Tasks(least=1, most=1, cpu=256, memory=1024),
    ingest=Tasks(least=1, most=1, cpu=512, memory=1024),
    nodes=Nodes("t3.small.search", 1, 10),
    protected=False,
    log_days=7,
    lock_days=1,
    key_days=7,
    budget=250,
)

PRODUCTION = Size(
    name="production",
    zones=2,
    answer=Tasks(least=3, most=12, cpu=1024, memory=2048),
    documents=Tasks(least=2, most=4, cpu=512, memory=2048),
    ingest=Tasks(least=2, most=8, cpu=1024, memory=2048),
    nodes=Nodes("r7g.large.search", 2, 100, masters=3),
    protected=True,
    log_days=365,
    lock_days=365,
    key_days=30,
    budget=2000,
)

SIZES = {each.name: each for each in (DEMO, PRODUCTION)}
