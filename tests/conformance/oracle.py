"""Cedar itself, asked about each document on its own words: the oracle that every other way is held against.

It shares no code with either door: entities are written here, every group is named, nothing is sliced, and the
documents are read once for many policies, since reading them is most of the cost.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cedarpy

from authz.directory import Entitlements
from authz.policy_set import PolicySet
from authz.resource import Attributes, Resource
from authz.schema import AttributeType, AttributeTypes, datetime_text
from tests.support.worlds import MILLISECONDS

Json = Mapping[str, object]
_NOW = {"now": {"__extn": {"fn": "datetime", "arg": datetime_text(MILLISECONDS)}}}


class OracleError(Exception):
    """Cedar gave no decision: the comparison would prove nothing."""


@dataclass(frozen=True, slots=True)
class Oracle:
    """Documents and people, read by Cedar."""

    documents: Sequence[Resource]
    entities: cedarpy.Entities = field(repr=False)

    @classmethod
    def of(cls, documents: Sequence[Resource], people: Sequence[Entitlements], policies: PolicySet) -> "Oracle":
        """Return the oracle for these people, who differ in uid, under any policies of the schema of `policies`."""
        types = policies.attributes
        written = [
            _entity("User", each.uid, each.attributes, types.principal, "Group", each.closure.groups) for each in people
        ]
        written += [
            _entity("Document", each.uid, each.attributes, types.document, "Collection", each.collections)
            for each in documents
        ]
        return cls(documents, cedarpy.Entities.from_json_str(json.dumps(written), policies.schema))

    def allowed(self, held: Entitlements, policies: PolicySet) -> frozenset[str]:
        """Return the documents that Cedar lets the person read at the one instant of the kit."""
        common = {"principal": _uid("User", held.uid), "action": _uid("Action", "read"), "context": _NOW}
        requests = [{**common, "resource": _uid("Document", each.uid)} for each in self.documents]
        results = cedarpy.is_authorized_batch(requests, policies.handle, self.entities)
        for result in results:
            if result.diagnostics.errors or result.decision is cedarpy.Decision.NoDecision:
                raise OracleError(result.diagnostics.errors)
        pairs = zip(self.documents, results, strict=True)
        return frozenset(document.uid for document, result in pairs if result.decision is cedarpy.Decision.Allow)


def _entity(
    kind: str, uid: str, attributes: Attributes, types: AttributeTypes, above: str, parents: frozenset[str]
) -> Json:
    return {
        "uid": _uid(kind, uid),
        "attrs": {name: _value(types[name], value) for name, value in attributes.items()},
        "parents": [_uid(above, each) for each in parents],
    }


def _value(type_: AttributeType, value: object) -> object:
    if isinstance(value, frozenset):
        return [_value(type_, each) for each in value]
    if type_.kind == "entity":
        return {"__entity": _uid(str(type_.entity), str(value))}
    if type_.kind == "datetime" and isinstance(value, int):
        return {"__extn": {"fn": "datetime", "arg": datetime_text(value)}}
    return value


def _uid(kind: str, id_: str) -> dict[str, str]:
    return {"type": kind, "id": id_}
