"""Everything a request needs from outside, gathered once by a composition root."""

from collections.abc import Callable
from dataclasses import dataclass

from authz.directory import Directory
from authz.identity import Issuers, SigningKeys
from authz.policy_set import PolicySet
from retrieval.deadline import Clock
from retrieval.embedder import Embedder
from retrieval.index import Index, IndexWriter
from retrieval.ingest.parse import Parse
from retrieval.ingest.vectors import PassageVectors
from retrieval.retrieve import Stores
from service.capacity import Capacity
from service.limits import Limits
from service.metrics import Metrics
from service.model import Model
from service.staging import Staging
from service.web.parts import Web

APPLICATION = "antechamber/0.1.0"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one request may take."""

    hits: int
    """Passages asked of the index."""
    budget: int
    """Characters of passages in a prompt."""
    deadline: float
    """Seconds before the first byte."""
    answer_timeout: float
    """Seconds for a whole answer."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What a process needs to write documents; the one that only answers has none."""

    index: IndexWriter
    vectors: PassageVectors
    parse: Parse
    """In a deployment a `ParserProcess`."""
    staging: Staging | None = None
    """Where uploads are left to a worker; None: they are written at once."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Handed to `create_app`; tests hand in fakes of the ports."""

    issuers: Issuers
    keys: SigningKeys
    directory: Directory
    embedder: Embedder
    model: Model
    index: Callable[[], Index]
    """The index that answers now: a request takes it once, beside the directory."""
    stores: Stores
    writing: Writing | None
    policies: Callable[[], PolicySet]
    """The set that is running: a request takes it once."""
    now: Clock
    streams: Capacity
    """The places of answers."""
    requests: Capacity
    """The places of every other request."""
    limits: Limits
    metrics: Metrics
    bounds: Bounds
    probes: dict[str, Callable[[], None]]
    """By name, what must not raise for this process to be ready."""
    web: Web | None = None
    """The pages, where there are any."""
