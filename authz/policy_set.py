"""From a policy directory to a policy set that may run: manifest, validation, compilability, literals, digest."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from authz import engine
from authz.compiler import Compiler, bounded
from authz.engine import pst
from authz.errors import PolicyError, ResourceError, UncompilableError
from authz.resource import tenant_of
from authz.schema import AttributeSchema, read_schema
from authz.tenants import Tenants, read_tenants

MANIFEST = "manifest.json"
SHIPPED = Path(__file__).parent / "policies"
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy's name and plain-English reason, and where it stands."""

    id: str
    effect: Literal["permit", "forbid"]
    reason: str
    place: str
    """File and line, as `20-reading.cedar:4`."""


@dataclass(frozen=True, slots=True)
class PolicySet:
    """An immutable set of validated, compilable policies with its schema and tenants. Made only by `load_policies`."""

    digest: str
    """SHA-256 in hex over the manifest: every file by its hash."""
    policies: Mapping[str, Policy]
    attributes: AttributeSchema
    tenants: Tenants
    literals: frozenset[str]
    """Ids of all groups that the policies name: door one and two need them among a principal's parents."""
    sources: Mapping[str, str] = field(repr=False)
    """The text of every file, for the record that keeps a policy set by its digest."""
    handle: engine.Policies = field(repr=False)
    schema: engine.Schema = field(repr=False)


def load_policies(directory: Path = SHIPPED) -> PolicySet:
    """Return the policy set in `directory`, exactly the files that its manifest lists with their SHA-256.

    Raises `PolicyError`, naming policy, line and operator, if a file is missing, changed or not listed, if a policy
    has no `@id` or `@reason`, fails strict validation, cannot be compiled to a filter, or names a tenant, group or
    collection that is not declared.
    """
    listed, sources = _read(directory)
    schema = engine.parse_schema(sources["schema.json"])
    attributes = read_schema(sources["schema.json"])
    tenants = read_tenants(sources["tenants.json"])
    cedar = {name: text for name, text in sources.items() if name.endswith(".cedar")}
    policies: dict[str, Policy] = {}
    for name, text in cedar.items():
        for policy in _check_file(name, text, schema, attributes, tenants):
            if policy.id in policies:
                message = f'{policy.place}: policy "{policy.id}" is already defined at {policies[policy.id].place}'
                raise PolicyError(message)
            policies[policy.id] = policy
    if not policies:
        message = f"{MANIFEST}: lists no policy; an empty set is never started"
        raise PolicyError(message)
    handle, nodes = engine.parse("\n".join(cedar.values()))
    return PolicySet(
        digest=_digest(listed),
        policies=MappingProxyType(policies),
        attributes=attributes,
        tenants=tenants,
        literals=frozenset(uid.id for uid in _literals(nodes) if str(uid.type) == "Group"),
        sources=MappingProxyType(sources),
        handle=handle,
        schema=schema,
    )


def write_manifest(directory: Path) -> Path:
    """Write the manifest that lists every policy file in `directory` with its SHA-256, and return its path."""
    names = sorted(
        path.name for path in directory.iterdir() if path.name != MANIFEST and path.suffix in {".json", ".cedar"}
    )
    hashes = {name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in names}
    path = directory / MANIFEST
    path.write_text(json.dumps(hashes, indent=2) + "\n")
    return path


def _read(directory: Path) -> tuple[dict[str, str], dict[str, str]]:
    try:
        listed = json.loads(_bytes(directory / MANIFEST))
        present = {path.name for path in directory.iterdir() if path.suffix in {".json", ".cedar"}} - {MANIFEST}
        contents = {name: _bytes(directory / name) for name in sorted(present)}
    except (OSError, ValueError, RecursionError) as error:
        message = f"{MANIFEST}: cannot be read; write it with `antechamber policy manifest {directory}`"
        raise PolicyError(message) from error
    if not isinstance(listed, dict) or not {"schema.json", "tenants.json"} <= listed.keys():
        message = f"{MANIFEST}: must list schema.json, tenants.json and the policy files with their SHA-256"
        raise PolicyError(message)
    for name in sorted(present ^ listed.keys()):
        message = (
            f"{name}: {'missing, though the manifest lists it' if name in listed else 'not listed in the manifest'}"
        )
        raise PolicyError(message)
    for name, content in contents.items():
        if len(content) > _MAX_BYTES:
            message = f"{name}: is longer than {_MAX_BYTES} bytes; spread the policies over several files"
            raise PolicyError(message)
        if hashlib.sha256(content).hexdigest() != listed[name]:
            message = f"{name}: differs from the SHA-256 that the manifest lists"
            raise PolicyError(message)
    return listed, {name: _text(name, content) for name, content in contents.items()}


def _bytes(path: Path) -> bytes:
    """Return one byte more than may be read, at most: enough to see that a file is too long."""
    with path.open("rb") as file:
        return file.read(_MAX_BYTES + 1)


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        message = f"{name}: is not UTF-8; save it as UTF-8"
        raise PolicyError(message) from error


def _check_file(
    name: str, text: str, schema: engine.Schema, attributes: AttributeSchema, tenants: Tenants
) -> Iterator[Policy]:
    try:
        _, nodes = engine.parse(text)
    except PolicyError as error:
        message = f"{name}: {error}"
        raise PolicyError(message) from error
    if nodes.templates or nodes.template_links:
        message = f"{name}: templates are not supported; write the policy out"
        raise PolicyError(message)
    policies = [_policy(name, text, node) for node in nodes.static_policies.values()]
    for complaint in engine.validate(text, schema):
        place = next((policy.place for policy in policies if complaint.startswith(f'policy "{policy.id}": ')), name)
        message = f"{place}: {complaint}"
        raise PolicyError(message)
    for policy, node in zip(policies, nodes.static_policies.values(), strict=True):
        _check_literals(policy, node, tenants)
        _check_compiles(policy, node, attributes)
        yield policy


def _policy(name: str, text: str, node: pst.Template) -> Policy:
    id_, reason = node.annotations.get("id", ""), node.annotations.get("reason", "")
    found = re.search(rf'@id\(\s*"{re.escape(id_)}"\s*\)', text) if id_ else None
    place = f"{name}:{text.count(chr(10), 0, found.start()) + 1}" if found else name
    if not id_ or not reason.strip():
        message = f'{place}: every policy needs an @id and a one-sentence @reason (policy "{id_ or node.id}")'
        raise PolicyError(message)
    return Policy(id_, node.effect, reason, place)


def _check_literals(policy: Policy, node: pst.Template, tenants: Tenants) -> None:
    for uid in _literals(node):
        try:
            tenant = tenants.get(tenant_of(uid.id))
        except ResourceError:
            tenant = None
        kind = str(uid.type)
        if tenant is None:
            message = f'{policy.place}: policy "{policy.id}" names {uid}, which is in no declared tenant'
            raise PolicyError(message)
        if (kind == "Group" and uid.id not in tenant.groups) or (
            kind == "Collection" and uid.id not in tenant.collections
        ):
            message = f'{policy.place}: policy "{policy.id}" names {uid}, which tenants.json does not declare'
            raise PolicyError(message)


def _check_compiles(policy: Policy, node: pst.Template, attributes: AttributeSchema) -> None:
    if not _may_apply_to_read(node.action):
        return
    try:
        compiler = Compiler(attributes)
        compiler.compile(_resource_scope(node.resource))
        bounded(compiler.compile(engine.body_of(node)))
    except UncompilableError as error:
        message = f'{policy.place}: policy "{policy.id}": {error}'
        raise PolicyError(message) from error


_OTHER_ACTIONS = frozenset({"create", "replace", "relabel", "erase", "readAudit", "operate"})
"""Actions that are only ever decided in full; whatever else a policy names, a group of actions say, may mean `read`."""


def _may_apply_to_read(action: pst.ActionConstraint) -> bool:
    match action:
        case pst.ActionEq(entity):
            return entity.id not in _OTHER_ACTIONS
        case pst.ActionIn(entities):
            return any(entity.id not in _OTHER_ACTIONS for entity in entities)
        case _:
            return True


def _resource_scope(constraint: pst.PrincipalOrResourceConstraint) -> pst.Expr:
    resource = pst.Var("resource")
    match constraint:
        case pst.ScopeIs(entity_type):
            return pst.Is(resource, entity_type, None)
        case pst.ScopeIsIn(entity_type, pst.EntityUid() as uid):
            return pst.Is(resource, entity_type, pst.EntityLit(uid))
        case pst.ScopeIn(pst.EntityUid() as uid):
            return pst.BinaryOp("in", resource, pst.EntityLit(uid))
        case pst.ScopeEq(pst.EntityUid() as uid):
            return pst.BinaryOp("eq", resource, pst.EntityLit(uid))
        case _:
            return pst.BoolLit(value=True)


def _literals(node: pst.PstNode) -> frozenset[pst.EntityUid]:
    return frozenset(uid for uid in pst.entity_uids(node) if str(uid.type) != "Action")


def _digest(listed: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(listed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
