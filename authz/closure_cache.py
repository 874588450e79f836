"""Closures that were read before: immutable per principal and generation, so that no answer can change by the cache."""

import threading
from collections import OrderedDict
from typing import final

from authz.directory import Closure
from authz.resource import EntityId


@final
class ClosureCache:
    """The closures used last, as many as hold `limit` groups together (some 100 bytes each). Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._closures: OrderedDict[tuple[EntityId, str], Closure] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, uid: EntityId, generation: str) -> Closure | None:
        """Return the closure of `uid` at `generation`, if it is held."""
        with self._lock:
            closure = self._closures.get((uid, generation))
            if closure is not None:
                self._closures.move_to_end((uid, generation))
            return closure

    def keep(self, uid: EntityId, generation: str, closure: Closure) -> None:
        """Hold `closure`, and let go of those unused for longest."""
        with self._lock:
            former = self._closures.pop((uid, generation), None)
            self._held += len(closure.groups) - (len(former.groups) if former else 0)
            self._closures[uid, generation] = closure
            while self._held > self._limit:
                _, dropped = self._closures.popitem(last=False)
                self._held -= len(dropped.groups)
