"""Both sizes, synthesised and checked: `make synth`. Nothing is sent anywhere, and no account is needed."""

import json
import sys
import time
from pathlib import Path

from cfnlint.api import lint  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]

from infra.app import build
from infra.choice import Choice
from infra.size import SIZES

OUT = Path("cdk.out")
IGNORED = ["W3005"]
"""The CDK says twice that a function comes after its role."""


def main() -> int:
    """Write both templates, and return whether cfn-lint found something; cdk-nag raises by itself."""
    found = [complaint for size in SIZES for complaint in _checked(size)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


def _checked(size: str) -> list[str]:
    started = time.monotonic()
    app, stack = build({"size": size}, str(OUT / size))
    app.synth()
    template = OUT / size / f"{stack.choice.stack}.template.json"
    found = complaints(template.read_text(), stack.choice)
    count = len(json.loads(template.read_text())["Resources"])
    verdict = "cdk-nag and cfn-lint passed" if not found else "cdk-nag passed, cfn-lint did not"
    print(f"{template}: {count} resources, {verdict}, {time.monotonic() - started:.0f} s")
    return found


def complaints(template: str, choice: Choice) -> list[str]:
    """Return what cfn-lint says against `template`."""
    return [str(each) for each in lint(template, config=ManualArgs(regions=[choice.region], ignore_checks=IGNORED))]


if __name__ == "__main__":
    sys.exit(main())
