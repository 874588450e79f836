"""Everything a request needs from outside, gathered once by a composition root."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from authz.directory import Directory
from authz.identity import Issuers, SigningKeys
from authz.policy_set import PolicySet
from retrieval.deadline import Clock
from retrieval.embedder import Embedder
from retrieval.index import Index, IndexWriter
from retrieval.ingest.vectors import PassageVectors
from retrieval.retrieve import Stores
from service.limits import PersonLimits
from service.metrics import Metrics
from service.model import Model
from service.streams import Streams

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
    threads: int
    """Synchronous requests served at once in this process."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What a process needs to write documents; the one that only answers has none."""

    index: IndexWriter
    vectors: PassageVectors


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
    pool: Executor
    """Runs what is done beside the directory: the embedding, and the look at which index answers."""
    streams: Streams
    """The places of answers that stream at once."""
    limits: PersonLimits
    metrics: Metrics
    bounds: Bounds
    probes: dict[str, Callable[[], None]]
    """By name, what must not raise for this process to be ready."""
