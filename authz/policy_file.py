"""From a Cedar file to its policies, with every complaint about them, each at its file and line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from authz import engine
from authz.compiler import Compiler, bounded
from authz.engine import pst
from authz.errors import PolicyError, ResourceError, UncompilableError
from authz.resource import tenant_of
from authz.schema import ASKED, AttributeSchema
from authz.tenants import Tenants

_BLANK = re.compile(r"(?:\s+|//[^\r\n]*)*")
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\r\n]*|;')


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy's name and plain-English reason, and where it stands."""

    id: str
    effect: Literal["permit", "forbid"]
    reason: str
    place: str
    """File and line, as `20-reading.cedar:4`."""


@dataclass(frozen=True, slots=True)
class Declarations:
    """What policies are checked against."""

    schema: engine.Schema
    attributes: AttributeSchema
    tenants: Tenants


def read_policies(name: str, text: str, declared: Declarations) -> list[Policy]:
    """Return the policies in `text` of the file `name`. Raises `PolicyError` with every complaint about them."""
    try:
        _, nodes = engine.parse(text)
    except PolicyError as error:
        raise PolicyError(*(list(_unparsed(name, text)) or [f"{name}: {error}"])) from error
    if nodes.templates or nodes.template_links:
        message = f"{name}: templates are not supported; write the policy out"
        raise PolicyError(message)
    lines = [line for line, _ in _pieces(text)]
    read = [(_policy(name, text, lines, node), node) for node in nodes.static_policies.values()]
    complaints = list(_unnamed(read))
    if not complaints:  # without names a complaint could not say which policy it is about
        complaints = _complaints(name, text, read, declared)
    if complaints:
        raise PolicyError(*complaints)
    return [policy for policy, _ in read]


def literals_of(node: pst.PstNode) -> frozenset[pst.EntityUid]:
    """Return every entity that the policies under `node` name, actions apart."""
    return frozenset(uid for uid in pst.entity_uids(node) if str(uid.type) != "Action")


_Read = list[tuple[Policy, pst.Template]]


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield each policy of `text` by itself, with the line where it begins: a `;` ends it, also if it is malformed."""
    start = 0
    ends = [token.end() for token in _TOKEN.finditer(text) if token[0] == ";"]
    for end in (*ends, len(text)):
        blank = _BLANK.match(text, start)
        begin = blank.end() if blank else start
        if begin < end:
            yield text.count("\n", 0, begin) + 1, text[begin:end]
        start = end


def _unparsed(name: str, text: str) -> Iterator[str]:
    for line, piece in _pieces(text):
        try:
            engine.parse(piece)
        except PolicyError as error:
            yield f"{name}:{line}: {error} (in the policy that begins on this line)"


def _policy(name: str, text: str, lines: list[int], node: pst.Template) -> Policy:
    id_, reason = node.annotations.get("id", ""), node.annotations.get("reason", "")
    found = re.search(rf'@id\(\s*"{re.escape(id_)}"\s*\)', text) if id_ else None
    number = int(node.id.removeprefix("policy"))  # Cedar numbers the policies of a text from 0
    line = text.count("\n", 0, found.start()) + 1 if found else lines[number]
    return Policy(id_, node.effect, reason, f"{name}:{line}")


def _unnamed(read: _Read) -> Iterator[str]:
    for policy, node in read:
        if not policy.id or not policy.reason.strip():
            shown = policy.id or node.id
            yield f'{policy.place}: every policy needs an @id and a one-sentence @reason (policy "{shown}")'


def _complaints(name: str, text: str, read: _Read, declared: Declarations) -> list[str]:
    complaints, invalid = [], set()
    for complaint in engine.validate(text, declared.schema):
        about = next((policy for policy, _ in read if complaint.startswith(f'policy "{policy.id}": ')), None)
        invalid.add(about)
        complaints.append(f"{about.place if about else name}: {complaint}")
    for policy, node in read:
        complaints += _undeclared(policy, node, declared.tenants)
        if policy not in invalid:
            complaints += _uncompilable(policy, node, declared.attributes)
    return complaints


def _undeclared(policy: Policy, node: pst.Template, tenants: Tenants) -> Iterator[str]:
    for uid in sorted(literals_of(node), key=str):
        try:
            tenant = tenants.get(tenant_of(uid.id))
        except ResourceError:
            tenant = None
        kind = str(uid.type)
        if tenant is None:
            yield f'{policy.place}: policy "{policy.id}" names {uid}, which is in no declared tenant'
        elif (kind == "Group" and uid.id not in tenant.groups) or (
            kind == "Collection" and uid.id not in tenant.collections
        ):
            yield f'{policy.place}: policy "{policy.id}" names {uid}, which tenants.json does not declare'


def _uncompilable(policy: Policy, node: pst.Template, attributes: AttributeSchema) -> Iterator[str]:
    if not _may_apply_to_read(node.action):
        return
    try:
        compiler = Compiler(attributes)
        compiler.compile(scope_of("resource", node.resource))
        bounded(compiler.compile(engine.body_of(node)))
    except UncompilableError as error:
        yield f'{policy.place}: policy "{policy.id}": {error}'


_OTHER_ACTIONS = ASKED.keys() - {"read"}
"""Actions that are only ever decided in full; whatever else a policy names, a group of actions say, may mean `read`."""


def _may_apply_to_read(action: pst.ActionConstraint) -> bool:
    match action:
        case pst.ActionEq(entity):
            return entity.id not in _OTHER_ACTIONS
        case pst.ActionIn(entities):
            return any(entity.id not in _OTHER_ACTIONS for entity in entities)
        case _:
            return True


def scope_of(variable: Literal["principal", "resource"], constraint: pst.PrincipalOrResourceConstraint) -> pst.Expr:
    """Return what a policy's head asks of `variable`, as an expression."""
    asked = pst.Var(variable)
    match constraint:
        case pst.ScopeIs(entity_type):
            return pst.Is(asked, entity_type, None)
        case pst.ScopeIsIn(entity_type, pst.EntityUid() as uid):
            return pst.Is(asked, entity_type, pst.EntityLit(uid))
        case pst.ScopeIn(pst.EntityUid() as uid):
            return pst.BinaryOp("in", asked, pst.EntityLit(uid))
        case pst.ScopeEq(pst.EntityUid() as uid):
            return pst.BinaryOp("eq", asked, pst.EntityLit(uid))
        case _:
            return pst.BoolLit(value=True)
