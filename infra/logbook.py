"""Log groups: encrypted, kept for as long as the size says, gone with the stack."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.choice import Choice
from infra.keys import Keys

_KEPT = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


def log_group(scope: Construct, id_: str, choice: Choice, keys: Keys, name: str | None = None) -> logs.LogGroup:
    """Return a new log group of `scope`."""
    return logs.LogGroup(
        scope,
        id_,
        log_group_name=name,
        retention=_KEPT[choice.size.log_days],
        encryption_key=keys.operations,
        removal_policy=RemovalPolicy.DESTROY,
    )
