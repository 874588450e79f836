"""From a synthesised template to statements in words: what may be read, tested and put into a table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Template = Mapping[str, Any]
"""As CloudFormation reads it."""
ROLES = ("Answer", "Documents", "Ingest", "Operator")
"""Of tasks, by the name of their construct."""


@dataclass(frozen=True, slots=True)
class Right:
    """One statement of a role's policy; whatever CloudFormation fills in stands in angle brackets."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]]
    """By operator, key and values."""


def rights(template: Template, role: str) -> list[Right]:
    """Return every statement that the task role `role` (Answer, Documents, …) has. Raises `ValueError` for a denial.

    Managed policies and inline ones are refused too: nobody would look for rights there.
    """
    found = [name for name, each in _of(template, "AWS::IAM::Role") if name.startswith(f"Roles{role}")]
    if len(found) != 1:
        message = f"there are {len(found)} roles called {role}"
        raise ValueError(message)
    own = template["Resources"][found[0]]["Properties"]
    if own.get("ManagedPolicyArns") or own.get("Policies"):
        message = f"{role} has rights outside of its one policy"
        raise ValueError(message)
    attached = [each for _, each in _of(template, "AWS::IAM::Policy") if {"Ref": found[0]} in each["Roles"]]
    return [_right(statement) for policy in attached for statement in policy["PolicyDocument"]["Statement"]]


def _of(template: Template, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource.get("Properties", {})


def of_type(template: Template, kind: str) -> list[Mapping[str, Any]]:
    """Return the properties of every resource of `kind`."""
    return [properties for _, properties in _of(template, kind)]


def _right(statement: Mapping[str, Any]) -> Right:
    if statement["Effect"] != "Allow" or "NotAction" in statement or "NotResource" in statement:
        message = f"{statement.get('Sid')}: rights are said by what is allowed, and by nothing else"
        raise ValueError(message)
    conditions = {
        operator: {key: texts(values) for key, values in keys.items()}
        for operator, keys in statement.get("Condition", {}).items()
    }
    return Right(statement.get("Sid", ""), texts(statement["Action"]), texts(statement["Resource"]), conditions)


def texts(values: Any) -> tuple[str, ...]:
    """Return one value or a list of them as texts."""
    return tuple(map(text, values if isinstance(values, list) else [values]))


def text(value: Any) -> str:
    """Return `value` with each of CloudFormation's functions in words. Raises `ValueError` for one it does not know."""
    match value:
        case str() | int() | bool():
            return str(value)
        case {"Ref": str(name)}:
            return f"<{name}>"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [str(between), list(parts)]}:
            return between.join(map(text, parts))
        case {"Fn::Sub": str(pattern)}:
            return pattern
        case _:
            message = f"this is no text that a template can hold: {value}"
            raise ValueError(message)


def environment_of(template: Template, family: str) -> Mapping[str, Any]:
    """Return the variables of the one container of the task that is called like `family`, secrets' names among them."""
    [task] = [each for each in of_type(template, "AWS::ECS::TaskDefinition") if each["Family"].endswith(f"-{family}")]
    [container] = task["ContainerDefinitions"]
    plain: Sequence[Mapping[str, Any]] = container["Environment"]
    secret: Sequence[Mapping[str, Any]] = container.get("Secrets", [])
    return {**{each["Name"]: each["Value"] for each in plain}, **{each["Name"]: None for each in secret}}
