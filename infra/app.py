"""From the CDK context to a checked template: `cdk synth`, and the tests, begin here."""

import os
from collections.abc import Callable, Mapping
from typing import Any

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20")  # read when aws_cdk is imported

from aws_cdk import App, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from infra.acknowledged import acknowledge
from infra.choice import NAMES, read
from infra.stack import Antechamber

_FLAGS = {"@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True}
"""How the CDK is to behave where it has kept an older way."""


def build(context: Mapping[str, str] | None = None, outdir: str | None = None) -> tuple[App, Antechamber]:
    """Return the application and its stack. Raises `ValueError` for a choice that cannot be deployed."""
    app = App(context={**_FLAGS, **(context or {})}, outdir=outdir, analytics_reporting=False)
    known: Callable[[str], Any] = app.node.try_get_context
    stack = Antechamber(app, read(lambda name: known(name) if name in NAMES else None))
    Tags.of(stack).add("project", stack.choice.stack)
    acknowledge(stack)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app, verbose=True))
    return app, stack


def main() -> None:
    """Write the template to the folder that the CDK names, if every check of cdk-nag passes."""
    build()[0].synth()


if __name__ == "__main__":
    main()
