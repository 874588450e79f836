"""From the audit log to what it says of a load: how the answers ended, and whether any was never closed."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from authz.resource import tenant_id
from retrieval.audit import Logged
from service import compose
from service.settings import Settings

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Records:
    """What is on record of answers."""

    outcomes: Counter[str]
    unclosed: int
    """Answers that disclosed something and whose record says nothing of their end."""
    missing: int
    """Receipts that somebody was sent, without a record."""


def records(variables: Mapping[str, str], receipts: Iterable[str], tenant: str = "acme") -> Records:
    """Return what the log of the running application says, of all answers and of those with these `receipts`."""
    answers = {each.receipt.id: each for each in _read(variables, tenant) if each.record["event"] == "answer"}
    ends = {receipt: _end(each) for receipt, each in answers.items()}
    outcomes = Counter(end for end in ends.values() if end is not None)
    missing = sum(1 for receipt in receipts if receipt not in answers)
    return Records(outcomes, sum(1 for end in ends.values() if end is None), missing)


def _end(logged: Logged) -> str | None:
    if logged.closing is not None:
        return str(logged.closing["outcome"])
    # One that disclosed nothing is final as it stands.
    return None if logged.record["outcome"] == "open" else str(logged.record["outcome"])


def _read(variables: Mapping[str, str], tenant: str) -> Iterator[Logged]:
    audit, after = compose.audit(_settings(variables)), None
    while page := audit.read(tenant_id(tenant), after, _PAGE):
        yield from page
        after = page[-1].receipt.id


def _settings(variables: Mapping[str, str]) -> Settings:
    named = {name.removeprefix("ANTECHAMBER_").lower(): value for name, value in variables.items()}
    known = {name: value for name, value in named.items() if name in Settings.model_fields}
    return Settings(**{**known, "issuers": json.loads(known["issuers"])})
