"""From two policy sets to who may read what under one and not under the other, decided as door two decides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from authz.decision import Decision, decide
from authz.directory import Entitlements
from authz.errors import MisfitError, ResourceError
from authz.policy_set import PolicySet
from authz.resource import Attributes, EntityId, Resource
from authz.schema import AttributeSchema, AttributeTypes, parse_attributes, plain_attributes

BATCH = 50
"""Documents decided at once: as many as door two decides."""
_MISFIT = Decision(allowed=False, misfit=True)


@dataclass(frozen=True, slots=True)
class Change:
    """A person may read a document under one set and not under the other."""

    person: EntityId
    document: EntityId
    old: Decision
    new: Decision

    @property
    def gained(self) -> bool:
        """Whether the new set opens the document, rather than the old."""
        return self.new.allowed


@dataclass(frozen=True, slots=True)
class Side:
    """A policy set, and the schema by which directory and registry were read."""

    policies: PolicySet
    running: AttributeSchema

    def person(self, held: Entitlements) -> Entitlements | None:
        """Return what a person holds as this set's schema reads it, None if it does not fit."""
        read = _read_again(held.attributes, self.running.principal, self.policies.attributes.principal)
        return None if read is None else replace(held, attributes=read)

    def document(self, resource: Resource) -> Resource | None:
        """Return a document as this set's schema reads it, None if it does not fit."""
        read = _read_again(resource.attributes, self.running.document, self.policies.attributes.document)
        return None if read is None else replace(resource, attributes=read)

    def decide(self, held: Entitlements, batch: Sequence[Resource], now: datetime) -> list[Decision]:
        """Return whether a person may read each of `batch`; who or what does not fit the schema is refused."""
        person = self.person(held)
        documents = {number: read for number, each in enumerate(batch) if (read := self.document(each)) is not None}
        if person is None:
            return [_MISFIT] * len(batch)
        try:
            decided = decide(person, "read", [*documents.values()], self.policies, now)
        except MisfitError:  # the person's: a document's is told by its decision
            return [_MISFIT] * len(batch)
        by_number = dict(zip(documents, decided, strict=True))
        return [by_number.get(number, _MISFIT) for number in range(len(batch))]


def changes(held: Entitlements, batch: Sequence[Resource], old: Side, new: Side, now: datetime) -> Iterator[Change]:
    """Yield what a person gains and loses among `batch`, at most `BATCH` documents. Raises `DecisionError`."""
    decided = zip(batch, old.decide(held, batch, now), new.decide(held, batch, now), strict=True)
    for document, before, after in decided:
        if before.allowed != after.allowed:
            yield Change(held.uid, document.uid, before, after)


def _read_again(attributes: Attributes, written: AttributeTypes, types: AttributeTypes) -> Attributes | None:
    """Read attributes that one schema wrote by another, as directory and registry would."""
    try:
        return parse_attributes(types, plain_attributes(written, attributes))
    except ResourceError:
        return None
