"""The tables of infra/README.md and docs/deploy.md, written from the template and the sizes: `python -m infra.written`.

With `--check` nothing is written, and a difference is an error.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from infra import cost
from infra.app import build
from infra.size import SIZES
from infra.template import ROLES, Right, Template, rights

ROOT = Path(__file__).resolve().parent.parent
README, DEPLOY = ROOT / "infra/README.md", ROOT / "docs/deploy.md"
_SHORT = (
    (r"arn:<AWS::Partition>:dynamodb:[^:]+:<AWS::AccountId>:table/(?:[a-z0-9]+-)+([a-z]+)", r"table \1"),
    (r"arn:<AWS::Partition>:es:[^:]+:<AWS::AccountId>:domain/[a-z0-9-]+", "domain "),
    (r"arn:<AWS::Partition>:bedrock:\*::foundation-model/", "model in any region "),
    (r"arn:<AWS::Partition>:bedrock:[^:]+::foundation-model/", "model "),
    (r"arn:<AWS::Partition>:bedrock:[^:]+:<AWS::AccountId>:inference-profile/", "profile "),
    (r"<BucketsDocuments[0-9A-F]+\.Arn>", "documents bucket"),
    (r"<QueueMain[0-9A-F]+\.Arn>", "queue"),
    (r"<QueueDead[0-9A-F]+\.Arn>", "dead-letter queue"),
    (r"<KeysData[0-9A-F]+\.Arn>", "data key"),
    (r"<Guardrail[0-9A-F]+\.GuardrailArn>:<GuardrailVersion[0-9A-F]+\.Version>", "the guardrail's version"),
    (r"<Guardrail[0-9A-F]+\.GuardrailArn>", "guardrail"),
)


def main(arguments: list[str]) -> int:
    """Write both files, or say which is not as it would be written."""
    with TemporaryDirectory() as folder:
        app, stack = build({"size": "demo"}, folder)
        app.synth()
        template = json.loads((Path(folder) / f"{stack.choice.stack}.template.json").read_text())
    stale = [file for file, text in wanted(template).items() if file.read_text() != text]
    if "--check" in arguments:
        print(*(f"{file.relative_to(ROOT)} is not as written: `python -m infra.written`" for file in stale), sep="\n")
        return 1 if stale else 0
    for file, text in wanted(template).items():
        file.write_text(text)
    return 0


def wanted(template: Template) -> Mapping[Path, str]:
    """Return what both files should hold: all that stands in them, with their tables as of now."""
    costs = {name: cost.table(size) for name, size in SIZES.items()}
    return {
        README: _with(README.read_text(), {role.lower(): _rights(template, role) for role in ROLES}),
        DEPLOY: _with(DEPLOY.read_text(), {f"cost-{name}": rows for name, rows in costs.items()}),
    }


def _with(text: str, tables: Mapping[str, list[str]]) -> str:
    """Return `text` with each table between its marks. Raises `ValueError` if there are none."""
    for name, rows in tables.items():
        begin, end = f"<!-- {name}: written by `python -m infra.written` -->", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not (found and ended):
            message = f"there is no place for the table {name}"
            raise ValueError(message)
        text = "\n".join([f"{before}{begin}", *rows, f"{end}{after}"])
    return text


def _rights(template: Template, role: str) -> list[str]:
    head = ["| what for | allowed | on | only if |", "|---|---|---|---|"]
    return [*head, *map(_row, rights(template, role))]


def _row(right: Right) -> str:
    actions = ", ".join(f"`{each}`" for each in right.actions)
    resources = "<br>".join(f"`{short(each)}`" for each in right.resources)
    conditions = "<br>".join(
        f"{key.partition(':')[2]}: {', '.join(f'`{short(each)}`' for each in values)}"
        for keys in right.conditions.values()
        for key, values in keys.items()
    )
    return f"| {_words(right.sid)} | {actions} | {resources} | {conditions} |"


def short(resource: str) -> str:
    """Return an ARN as a reader calls the thing."""
    for pattern, words in _SHORT:
        resource = re.sub(pattern, words, resource)
    return resource


def _words(sid: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", " ", re.sub(r"\d+$", "", sid)).lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
