"""What a deployment costs a month, by its parts: quantity, times hours, times price.

Prices are those of US East (N. Virginia), in dollars, without tax and free tiers; other regions cost more, by a tenth
to a third. A price without a date was written from memory of AWS's page of that name: check it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.size import Size, Tasks

HOURS = 730
"""A month, as AWS counts it."""


@dataclass(frozen=True, slots=True)
class Price:
    """A price, where it stands, and when it was taken."""

    amount: float
    page: str
    taken: str = "check"


_SEARCH = ("AWS Price List, Amazon OpenSearch Service", "2026-10-01")
NODES = {
    "t3.small.search": Price(0.036, *_SEARCH),
    "r7g.large.search": Price(0.178, *_SEARCH),
    "m7g.medium.search": Price(0.068, *_SEARCH),
}
VCPU = Price(0.04048, "AWS Fargate pricing", "2026-03")
MEMORY = Price(0.004445, "AWS Fargate pricing", "2026-03")
DISK = Price(0.122, "Amazon OpenSearch Service pricing")
ENDPOINT = Price(0.01, "AWS PrivateLink pricing")
BALANCER = Price(0.0225, "Elastic Load Balancing pricing")
ADDRESS = Price(0.005, "Amazon VPC pricing")
FIREWALL = Price(5.0, "AWS WAF pricing")
RULE = Price(1.0, "AWS WAF pricing")
KEY = Price(1.0, "AWS Key Management Service pricing")
SECRET = Price(0.4, "AWS Secrets Manager pricing")
ALARM = Price(0.1, "Amazon CloudWatch pricing")
METRIC = Price(0.3, "Amazon CloudWatch pricing")
BOARD = Price(3.0, "Amazon CloudWatch pricing")
GUARDRAIL = Price(0.15, "Amazon Bedrock pricing, content filters", "2026-05")

ENDPOINTS, ADDRESSES, RULES, KEYS, ALARMS, METRICS = 6, 2, 4, 2, 17, 5
"""How many there are of each, in both sizes; a test counts them in the template."""


@dataclass(frozen=True, slots=True)
class Line:
    """One part of the bill."""

    what: str
    quantity: float
    hours: int
    price: Price

    @property
    def month(self) -> float:
        """Dollars a month."""
        return round(self.quantity * self.hours * self.price.amount, 2)


def standing(size: Size) -> list[Line]:
    """Return what a deployment costs that nobody uses."""
    tasks = (size.answer, size.documents, size.ingest)
    nodes = size.nodes
    masters = [Line(f"{nodes.masters} {nodes.master_type}", nodes.masters, HOURS, NODES[nodes.master_type])]
    return [
        Line("tasks: virtual CPUs", _sum(tasks, [each.cpu / 1024 for each in tasks]), HOURS, VCPU),
        Line("tasks: GB of memory", _sum(tasks, [each.memory / 1024 for each in tasks]), HOURS, MEMORY),
        Line(f"{nodes.count} {nodes.type}", nodes.count, HOURS, NODES[nodes.type]),
        *(masters if nodes.masters else []),
        Line("GB of the domain's disk", nodes.count * nodes.disk, 1, DISK),
        Line(
            f"interface endpoints, in {size.zones} zone{'s' * (size.zones > 1)}",
            ENDPOINTS * size.zones,
            HOURS,
            ENDPOINT,
        ),
        Line("load balancer", 1, HOURS, BALANCER),
        Line("its public addresses", ADDRESSES, HOURS, ADDRESS),
        Line("web firewall", 1, 1, FIREWALL),
        Line("its rules", RULES, 1, RULE),
        Line("keys", KEYS, 1, KEY),
        Line("secret", 1, 1, SECRET),
        Line("alarms", ALARMS, 1, ALARM),
        Line("metrics from logs", METRICS, 1, METRIC),
        Line("dashboard", 1, 1, BOARD),
    ]


def used() -> list[Line]:
    """Return what a thousand answers cost beside it: the guardrail, whose price is known; the model's is its own."""
    return [
        Line(
            "guardrail: 14 units of 1,000 characters each (12 of passages, 1 of the rest, 1 of answer)",
            14,
            1,
            GUARDRAIL,
        )
    ]


def month(lines: Sequence[Line]) -> float:
    """Return the sum of `lines`, in dollars."""
    return round(sum(each.month for each in lines), 2)


def day(lines: Sequence[Line]) -> float:
    """Return what `lines` come to in 24 hours, in dollars."""
    return round(month(lines) / HOURS * 24, 2)


def table(size: Size) -> list[str]:
    """Return the rows of a Markdown table."""
    lines = standing(size)
    head = ["| what | quantity | hours | price | a month | page, taken |", "|---|--:|--:|--:|--:|---|"]
    rows = [
        f"| {each.what} | {each.quantity:g} | {each.hours} | {each.price.amount:g} | {each.month:.2f}"
        f" | {each.price.page}, {each.price.taken} |"
        for each in lines
    ]
    total = f"| **{size.name}, standing** | | | | **{month(lines):.2f}** | {day(lines):.2f} a day |"
    return [*head, *rows, total]


def _sum(tasks: Sequence[Tasks], each: Sequence[float]) -> float:
    return sum(task.least * amount for task, amount in zip(tasks, each, strict=True))
