"""From a policy directory to a policy set that may run: manifest, validation, compilability, literals, digest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from authz import engine
from authz.environment import environments
from authz.errors import PolicyError
from authz.policy_file import Declarations, Policy, literals_of, read_policies
from authz.schema import ASKED, TENANT, AttributeSchema, read_schema
from authz.tenants import Tenants, read_tenants

MANIFEST = "manifest.json"
SHIPPED = Path(__file__).parent / "policies"
_MAX_BYTES = 1 << 20


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

    Raises `PolicyError` with every complaint, naming policy, line and operator, if a file is missing, changed or not
    listed, if a policy has no `@id` or `@reason`, fails strict validation, cannot be compiled to a filter, or names a
    tenant, group or collection that is not declared.
    """
    listed, sources = _read(directory)
    declared = _declarations(sources)
    cedar = {name: text for name, text in sources.items() if name.endswith(".cedar")}
    policies = _policies(cedar, declared)
    handle, nodes = engine.parse("\n".join(cedar.values()))
    return PolicySet(
        digest=_digest(listed),
        policies=MappingProxyType(policies),
        attributes=declared.attributes,
        tenants=declared.tenants,
        literals=frozenset(uid.id for uid in literals_of(nodes) if str(uid.type) == "Group"),
        sources=MappingProxyType(sources),
        handle=handle,
        schema=declared.schema,
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
    mend = f"if that is meant, write the manifest anew: antechamber policy manifest {directory}"
    complaints = [f"{name}: missing, though the manifest lists it; {mend}" for name in sorted(listed.keys() - present)]
    complaints += [f"{name}: not listed in the manifest; {mend}" for name in sorted(present - listed.keys())]
    for name in sorted(present & listed.keys()):
        if len(contents[name]) > _MAX_BYTES:
            complaints.append(f"{name}: is longer than {_MAX_BYTES} bytes; spread the policies over several files")
        elif hashlib.sha256(contents[name]).hexdigest() != listed[name]:
            complaints.append(f"{name}: differs from the SHA-256 that the manifest lists; {mend}")
    if complaints:
        raise PolicyError(*complaints)
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


def _declarations(sources: Mapping[str, str]) -> Declarations:
    schema, tenants = sources["schema.json"], sources["tenants.json"]
    declared = Declarations(engine.parse_schema(schema), read_schema(schema), read_tenants(tenants))
    _check_asked(schema, declared)
    return declared


def _check_asked(schema: str, declared: Declarations) -> None:
    """Refuse a schema in which the application could not ask its questions, now rather than at the first of them."""
    known = {(each.action, each.resource) for each in environments(schema, declared.attributes)}
    complaints = [
        f'schema.json: action "{action}" must apply to a User and a {resource}: the application asks about it'
        for action, resource in ASKED.items()
        if (action, resource) not in known
    ]
    if not engine.fits(engine.Entity(("Tenant", "any"), {TENANT: "any"}), declared.schema):
        complaints.append(f'schema.json: the entity type "Tenant" must have "{TENANT}", a String, and require no other')
    if complaints:
        raise PolicyError(*complaints)


def _policies(cedar: Mapping[str, str], declared: Declarations) -> dict[str, Policy]:
    """Return the policies of all files by their ids. Raises `PolicyError` with the complaints about every file."""
    policies: dict[str, Policy] = {}
    complaints: list[str] = []
    for name, text in cedar.items():
        try:
            found = read_policies(name, text, declared)
        except PolicyError as error:
            complaints += error.complaints
            continue
        for policy in found:
            other = policies.setdefault(policy.id, policy)
            if other is not policy:
                complaints.append(f'{policy.place}: policy "{policy.id}" is already defined at {other.place}')
    if not policies and not complaints:
        complaints.append(f"{MANIFEST}: lists no policy; an empty set is never started")
    if complaints:
        raise PolicyError(*complaints)
    return policies


def _digest(listed: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(listed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
