"""From a token to the first word, with the room before the model and without it, over the same backends.

*Secured* is the application's own `identify` and `answer`. *Unsecured* makes the same four sequential calls (vector
beside directory, search, registry, log) and builds the same prompt, but verifies no token, derives no scope, filters
nothing, asks no Cedar, compares no digest. *Two calls* is what a tutorial would do: vector, search, model.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from time import sleep
from xml.sax.saxutils import escape

from authz.identity import identify
from bench.clock import interleaved, p50, p95, processor_milliseconds
from bench.figures import Figure, at_most
from bench.stubs import SEARCH, SlowAuditLog, SlowDirectory, SlowEmbedder, SlowIndex, SlowModel, SlowRegistry, log_line
from bench.world import ISSUER, KEYS, NOW, SUBJECT, TRUSTED, policies, reader, shelf, token
from retrieval.deadline import Deadline
from retrieval.retrieve import Stores
from service.asking import answer
from service.dependencies import Bounds, Dependencies
from service.limits import PersonLimits
from service.metrics import Metrics
from service.prompt import Question
from service.request import Call
from service.streams import Streams

GROUPS = (10, 10_000)
_THINKING = 0.300
"""Seconds that the model stub of the first-token figure waits."""
_QUESTION = Question("When may the plan be read outside?")
_PART = "1. Latency over backends of fixed latency (embed 20 ms beside directory 5, search 20, registry 5, record 5)"


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the figures of whole requests."""
    rounds, streams = (20, 8) if quick else (200, 40)
    for groups in GROUPS:
        with _room(groups, 0) as room:
            yield from _overhead(room, rounds, f"{groups:,} groups")
    for groups in GROUPS:
        with _room(groups, _THINKING) as room:
            taken = interleaved({"secured": room.secured, "unsecured": room.unsecured}, streams)
        ratio = p50(taken["secured"]) / p50(taken["unsecured"])
        name = f"first token, model {_THINKING * 1000:.0f} ms: secured / unsecured, {groups:,} groups, p50"
        yield Figure(_PART, name, ratio, "times", at_most(1.05))


def _overhead(room: "Room", rounds: int, who: str) -> Iterator[Figure]:
    taken = interleaved({"secured": room.secured, "unsecured": room.unsecured, "two calls": room.two_calls}, rounds)
    secured, unsecured, two_calls = taken["secured"], taken["unsecured"], taken["two calls"]
    yield Figure(_PART, f"secured / unsecured, {who}, p50", p50(secured) / p50(unsecured), "times", at_most(1.5))
    yield Figure(_PART, f"secured / unsecured, {who}, p95", p95(secured) / p95(unsecured), "times", at_most(2.0))
    yield Figure(_PART, f"secured, {who}, p50", p50(secured), "ms")
    yield Figure(_PART, f"unsecured, {who}, p50", p50(unsecured), "ms")
    busy = processor_milliseconds(room.secured, rounds // 4) - processor_milliseconds(room.unsecured, rounds // 4)
    yield Figure(_PART, f"processor time added by security, {who}, p50", busy, "ms")
    yield Figure(_PART, f"added to vector and search alone, {who}, p50", p50(secured) - p50(two_calls), "ms")


@dataclass(frozen=True, slots=True)
class Room:
    """The three contenders over one set of backends."""

    on: Dependencies
    index: SlowIndex
    model: SlowModel

    def secured(self) -> object:
        """Answer as the application does, up to the first word."""
        identity = identify(_TOKEN, self.on.keys, self.on.issuers, NOW)
        call = Call(self.on, "bench", identity, NOW, self.on.policies(), Deadline.after(self.on.bounds.deadline))
        reply, retrieval = answer(call, _QUESTION)
        if len(retrieval.passages) != self.on.bounds.hits:
            message = "the reader of this benchmark may read every hit, and was refused one"
            raise RuntimeError(message)
        return next(iter(reply))

    def unsecured(self) -> object:
        """Make the same calls and authorize nothing."""
        vector = self.on.pool.submit(self.on.embedder.embed, [_QUESTION])
        self.on.directory.entitlements(ISSUER, SUBJECT)
        vector.result()
        sleep(SEARCH)
        hits = self.index.shelf.hits
        self.on.stores.registry.get([])
        log_line("bench", [hit.document for hit in hits])
        return self._say([hit.untrusted_text for hit in hits])

    def two_calls(self) -> object:
        """Embed, search, answer."""
        self.on.embedder.embed([_QUESTION])
        sleep(SEARCH)
        return self._say([hit.untrusted_text for hit in self.index.shelf.hits])

    def _say(self, texts: list[str]) -> object:
        prompt = "\n".join(f'<passage n="{number}">\n{escape(text)}\n</passage>' for number, text in enumerate(texts))
        return prompt, next(iter(self.model.speak()))


_TOKEN = token()


@contextmanager
def _room(groups: int, thinking: float) -> Iterator[Room]:
    books, rules, model = shelf(), policies(), SlowModel(thinking)
    index = SlowIndex(books, rules.attributes.document)
    registry = SlowRegistry(records=dict(books.view.records), passages=dict(books.view.passages))
    with ThreadPoolExecutor(4) as pool:
        on = Dependencies(
            issuers=TRUSTED,
            keys=KEYS,
            directory=SlowDirectory(reader(groups)),
            embedder=SlowEmbedder(),
            model=model,
            index=lambda: index,
            stores=Stores(registry, SlowAuditLog(), lambda: NOW),
            writing=None,
            policies=policies,
            now=lambda: NOW,
            pool=pool,
            streams=Streams(1),
            limits=PersonLimits("1000000/minute", 100),
            metrics=Metrics(),
            bounds=Bounds(hits=len(books.hits), budget=100_000, deadline=30, answer_timeout=60, threads=4),
            probes={},
        )
        yield Room(on, index, model)
