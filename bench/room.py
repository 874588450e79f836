"""One request made in three ways over the same backends: secured, unsecured, and as two calls.

*Secured* is the application's own `identify` and `answer`. *Unsecured* makes the same four sequential calls (vector and
pointer beside directory, search, registry, log) and builds the same prompt, but verifies no token, derives no scope,
filters nothing, asks no Cedar, compares no digest. *Two calls* is what a tutorial would do: vector, search, model.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from xml.sax.saxutils import escape

from authz.directory import Directory
from authz.identity import identify
from bench.stubs import SlowAuditLog, SlowModel, log_line
from bench.world import ISSUER, KEYS, NOW, SUBJECT, TRUSTED, policies, token
from retrieval.deadline import Deadline
from retrieval.embedder import Embedder
from retrieval.index import Hits, Index, Query
from retrieval.registry import Registry
from retrieval.retrieve import Stores
from service.asking import answer
from service.capacity import Capacity
from service.dependencies import Bounds, Dependencies
from service.limits import PersonLimits
from service.metrics import Metrics
from service.prompt import Question
from service.request import Call


@dataclass(frozen=True, slots=True)
class Backends:
    """What stands behind the ports of one reader's requests."""

    directory: Directory
    embedder: Embedder
    index: Callable[[], Index]
    registry: Registry
    unsecured: Callable[[Query], Hits]
    """The search of who authorizes nothing."""
    questions: Iterator[Question]
    milliseconds: Iterator[int]
    """Between `NOW` and each request: whatever a scope compares with its instant is another at each."""


@dataclass(frozen=True, slots=True)
class Room:
    """The three contenders over one set of backends."""

    on: Dependencies
    behind: Backends
    model: SlowModel

    def secured(self) -> object:
        """Answer as the application does, up to the first word."""
        now = self.on.now()
        identity = identify(_TOKEN, self.on.keys, self.on.issuers, now)
        deadline, place = Deadline.after(self.on.bounds.deadline), self.on.streams.enter()
        call = Call(self.on, "bench", identity, now, self.on.policies(), deadline, place)
        reply, retrieval = answer(call, next(self.behind.questions))
        place.leave()
        if len(retrieval.passages) != self.on.bounds.hits:
            message = "the reader of this benchmark may read every hit, and was refused one"
            raise RuntimeError(message)
        return next(iter(reply))

    def unsecured(self) -> object:
        """Make the same calls and authorize nothing."""
        question = next(self.behind.questions)
        place = self.on.streams.enter()
        vector, index = place.run(lambda: self.on.embedder.embed([question])), place.run(self.on.index)
        place.leave()
        self.on.directory.entitlements(ISSUER, SUBJECT)
        index.result()
        hits = self.behind.unsecured(Query(question, vector.result()[0]))
        self.on.stores.registry.get([])
        log_line("bench", [hit.document for hit in hits])
        return self._say(hits)

    def two_calls(self) -> object:
        """Embed, search, answer."""
        question = next(self.behind.questions)
        return self._say(self.behind.unsecured(Query(question, self.on.embedder.embed([question])[0])))

    def _say(self, hits: Hits) -> object:
        texts = enumerate(escape(hit.untrusted_text) for hit in hits)
        prompt = "\n".join(f'<passage n="{number}">\n{text}\n</passage>' for number, text in texts)
        return prompt, next(iter(self.model.speak()))


_TOKEN = token()


@contextmanager
def room(backends: Backends, hits: int, thinking: float) -> Iterator[Room]:
    """Yield the contenders over `backends`, for requests of `hits` passages and a model that is `thinking` seconds."""
    model = SlowModel(thinking)
    on = Dependencies(
        issuers=TRUSTED,
        keys=KEYS,
        directory=backends.directory,
        embedder=backends.embedder,
        model=model,
        index=backends.index,
        stores=Stores(backends.registry, SlowAuditLog(), lambda: NOW),
        writing=None,
        policies=policies,
        now=lambda: NOW + timedelta(milliseconds=next(backends.milliseconds)),
        streams=Capacity(8),  # more than one at a time: what leaves a place may still be ending
        requests=Capacity(1),
        limits=PersonLimits("1000000/minute", 100),
        metrics=Metrics(),
        bounds=Bounds(hits=hits, budget=100_000, deadline=30, answer_timeout=60),
        probes={},
    )
    yield Room(on, backends, model)
