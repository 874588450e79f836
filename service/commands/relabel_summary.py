"""From the events of a relabelling to its summary: how many documents change how, and which are left as they are."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from authz.resource import Attributes, AttributeValue
from authz.schema import AttributeTypes
from retrieval.ingest.relabel_folder import Fate, Relabelled
from service.commands.access_words import words

_EXAMPLES = 3
"""Documents that are named for each change."""

Handles = Callable[[], Mapping[str, str]]
"""Everybody's handle, qualified by the tenant, by uid."""


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute's change, of so many documents, the first of them named."""

    attribute: str
    before: str
    after: str
    documents: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a folder's documents."""

    counts: Mapping[Fate, int]
    changes: tuple[Change, ...]
    """Those of most documents first."""
    told: tuple[Relabelled, ...]
    """Those that keep what they had, with the reason."""


def summary(run: Iterable[Relabelled], types: AttributeTypes, handles: Handles) -> Summary:
    """Return the summary of a `run`, once it is through; `handles` is asked only if a change concerns people."""
    counts: Counter[Fate] = Counter()
    paths: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    told: list[Relabelled] = []
    for event in run:
        counts[event.fate] += 1
        told += [event] if event.reason else []
        for change in _changes(event, types, handles):
            paths[change].append(event.path)
    changes = [Change(*change, len(at), tuple(at[:_EXAMPLES])) for change, at in paths.items()]
    return Summary(dict(counts), tuple(sorted(changes, key=lambda each: -each.documents)), tuple(told))


def _changes(event: Relabelled, types: AttributeTypes, handles: Handles) -> Iterator[tuple[str, str, str]]:
    """Yield each attribute that changes, with both its values in words."""
    if event.fate != "relabelled" or event.before is None or event.access is None:
        return
    old, new = event.before.attributes, event.access.attributes
    changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    before, after = (
        words(_named(each, changed, types, handles), collections, types)
        for each, collections in ((old, event.before.collections), (new, event.access.collections))
    )
    for name in (*types, "collections"):
        if before.get(name) != after.get(name):
            yield name, before.get(name, "absent"), after.get(name, "absent")


def _named(attributes: Attributes, changed: set[str], types: AttributeTypes, handles: Handles) -> Attributes:
    def handle(value: AttributeValue) -> AttributeValue:
        if isinstance(value, frozenset):
            return frozenset(handles().get(each, each) for each in value)
        return handles().get(str(value), value)

    people = {name for name, type_ in types.items() if type_.entity == "User"} & changed
    return {name: handle(value) if name in people else value for name, value in attributes.items()}
