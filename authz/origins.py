"""From where a person has each group: for people who ask why, and for no decision."""

from collections.abc import Mapping
from dataclasses import dataclass

from authz.nesting import Nesting
from authz.resource import EntityId


@dataclass(frozen=True, slots=True)
class Origins:
    """The groups that a person was put in, and how the tenant's groups nest."""

    direct: frozenset[EntityId]
    nesting: Nesting

    def paths(self) -> Mapping[EntityId, tuple[EntityId, ...]]:
        """Return each group with the shortest way to it, beginning with a group that the person was put in."""
        found: dict[EntityId, tuple[EntityId, ...]] = {group: (group,) for group in sorted(self.direct)}
        waiting = list(found)
        for group in waiting:
            for parent in sorted(self.nesting.get(group, frozenset()) - found.keys()):
                found[parent] = (*found[group], parent)
                waiting.append(parent)
        return found
