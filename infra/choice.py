"""From the CDK context to the one choice of a deployment: its size, and the names of what it uses."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infra.size import SIZES, Size

_GEOGRAPHIES = {"eu": "eu", "us": "us", "ap": "apac"}
"""By the first part of a region's name, the prefix of Amazon Bedrock's inference profiles there."""
NAMES = frozenset(
    {"size", "name", "region", "tenants", "model", "embedding_model", "dimensions", "issuers", "lock", "lock_days"}
)
"""What may be given with `cdk -c NAME=VALUE`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What whoever deploys may choose."""

    size: Size
    name: str = "antechamber"
    region: str = "eu-central-1"
    tenants: tuple[str, ...] = ("acme",)
    """Those that the user pool may speak for; the policies in the image must know them."""
    model: str = ""
    """A model's id, or an inference profile's, such as eu.amazon.nova-lite-v1:0."""
    embedding_model: str = "amazon.titan-embed-text-v2:0"
    dimensions: int = 512
    issuers: tuple[dict[str, Any], ...] = ()
    """Outside issuers, as ANTECHAMBER_ISSUERS writes them, each with its `jwks_uri`; none: a Cognito user pool."""
    lock: str = "GOVERNANCE"
    """Of the checkpoints: COMPLIANCE can be shortened by nobody, not by AWS either."""
    lock_days: int = 0
    stack: str = field(init=False)

    def __post_init__(self) -> None:
        """Fill in what follows from the rest. Raises `ValueError` for what cannot be deployed."""
        geography = _GEOGRAPHIES.get(self.region.partition("-")[0], "us")
        object.__setattr__(self, "model", self.model or f"{geography}.amazon.nova-lite-v1:0")
        object.__setattr__(self, "lock_days", self.lock_days or self.size.lock_days)
        object.__setattr__(self, "stack", f"{self.name}-{self.size.name}")
        if self.lock not in {"GOVERNANCE", "COMPLIANCE"}:
            message = f"lock is GOVERNANCE or COMPLIANCE, not {self.lock}"
            raise ValueError(message)
        if len(self.stack) > 28 or not self.stack.replace("-", "").isalnum() or self.stack != self.stack.lower():  # noqa: PLR2004 - OpenSearch's limit on a domain's name
            message = f"{self.stack}: a name is at most 28 small letters, digits and hyphens with the size"
            raise ValueError(message)
        if any("jwks_uri" not in each for each in self.issuers):
            message = "an outside issuer is given with its jwks_uri: its keys are fetched from outside the network"
            raise ValueError(message)

    @property
    def profile(self) -> bool:
        """Whether `model` is an inference profile, which spreads requests over the regions of its geography."""
        return self.model.partition(".")[0] in _GEOGRAPHIES.values()


def read(context: Callable[[str], Any]) -> Choice:
    """Return what the CDK context says, each name with its default. Raises `ValueError`."""
    given = {name: value for name in NAMES if (value := context(name)) not in (None, "")}
    size = SIZES.get(given.pop("size", "demo"))
    if size is None:
        message = f"size is one of {', '.join(SIZES)}"
        raise ValueError(message)
    for name in given.keys() & {"dimensions", "lock_days"}:
        given[name] = int(given[name])
    if "tenants" in given:
        given["tenants"] = tuple(given["tenants"].split(","))
    if "issuers" in given:
        given["issuers"] = tuple(json.loads(given["issuers"]))
    return Choice(size=size, **given)
