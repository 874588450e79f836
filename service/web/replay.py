"""From a record to what decided it: the policies and entitlements of then, by their digests, evaluated again."""

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from authz.condition import Condition
from authz.directory import Closure, Entitlements
from authz.engine import Residual
from authz.errors import AuthzError
from authz.policy_set import PolicySet, load_policies, write_manifest
from authz.resource import EntityId, TenantId
from authz.schema import epoch_milliseconds, parse_attributes, to_milliseconds
from authz.scope import condition_for, residuals_for
from retrieval.audit import AuditLog, Json, Logged, Receipt
from retrieval.errors import AuditUnavailableError
from retrieval.record import commitment
from service.web.parts import Archive

_ID = re.compile(r"[0-9a-f]{32}")
_MOST = 16
"""Policy sets of the past that this process keeps loaded."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What a record rests on, found again by digest; each is None where it is erased, lost or not what it says."""

    policies: PolicySet | None
    held: Entitlements | None
    condition: Condition | None
    residuals: tuple[Residual, ...]
    checked: Mapping[str, bool]
    """By name, whether what was found is what the record commits to."""


def is_record_id(text: str) -> bool:
    """Return whether `text` may name a record: whatever else was typed is nobody's to keep."""
    return _ID.fullmatch(text) is not None


def find_record(audit: AuditLog, tenant: TenantId, id_: str) -> Logged | None:
    """Return the record `id_` of `tenant`. Raises `AuditUnavailableError`."""
    if not is_record_id(id_):
        return None
    # Whatever sorts directly before it: ids are hexadecimal.
    before = f"{id_[:-1]}{chr(ord(id_[-1]) - 1)}"
    found = audit.read(tenant, before, 1)
    return found[0] if found and found[0].receipt.id == id_ else None


def replay(logged: Logged, personal: Mapping[str, Json] | None, archive: Archive, running: PolicySet) -> Replay:
    """Return what decided `logged`, derived anew from what is kept by digest. Raises `AuditUnavailableError`."""
    record, digest = logged.record, str(logged.record["policies"])
    policies = running if running.digest == digest else _loaded(digest, archive.kept)
    held = _held(record, personal, archive, policies) if policies else None
    checked = {"policy set": policies is not None}
    if personal is None or held is None or policies is None:
        return Replay(policies, held, None, (), checked)
    salt, now = str(personal["salt"]), _instant(str(record["time"]))
    checked["person"] = commitment(salt, str(personal.get("uid"))) == record["subject"]
    checked["entitlements"] = commitment(salt, held.digest) == record["entitlements"]
    if "scope" in record:
        checked["scope"] = commitment(salt, _scope_digest(policies, held, now)) == record["scope"]
    try:
        condition, residuals = condition_for(held, policies, now), residuals_for(held, policies, now)
    except AuthzError:
        return Replay(policies, held, None, (), checked)
    return Replay(policies, held, condition, residuals, checked)


def personal_of(archive: Archive, logged: Logged) -> Mapping[str, Json] | None:
    """Return the personal values beside `logged`, None if erased. Raises `AuditUnavailableError`."""
    return archive.personal(Receipt(logged.receipt.tenant, logged.receipt.id, logged.receipt.format))


def _held(
    record: Mapping[str, Json], personal: Mapping[str, Json] | None, archive: Archive, policies: PolicySet
) -> Entitlements | None:
    digest = personal.get("entitlements") if personal else None
    content = archive.held(digest) if isinstance(digest, str) else None
    if content is None:
        return None
    try:
        plain = json.loads(content)
        attributes = parse_attributes(policies.attributes.principal, plain["attributes"])
        closure = Closure.of(EntityId(each) for each in plain["groups"])
        epoch = int(str(record["epoch"]))
        found = Entitlements(TenantId(plain["tenant"]), EntityId(plain["uid"]), attributes, closure, epoch)
    except (AuthzError, ValueError, KeyError, TypeError):
        return None
    return found if found.digest == digest else None


def _loaded(digest: str, kept: Callable[[str], bytes | None]) -> PolicySet | None:
    content = kept(digest)
    return None if content is None else _policies(digest, content)


@lru_cache(_MOST)
def _policies(digest: str, content: bytes) -> PolicySet | None:
    """Return the policy set of `content` if it loads, and is the one of `digest`. Raises `AuditUnavailableError`."""
    try:
        sources = json.loads(content)
        with tempfile.TemporaryDirectory() as folder:
            for name, text in sources.items():
                (Path(folder) / Path(name).name).write_text(text, encoding="utf-8", newline="")
            write_manifest(Path(folder))
            found = load_policies(Path(folder))
    except (AuthzError, ValueError, AttributeError):
        return None
    except OSError as error:  # no verdict on the record: this process has no folder to lay the files out in
        message = "a policy set of the past needs a temporary folder to be loaded from"
        raise AuditUnavailableError(message) from error
    return found if found.digest == digest else None


def _scope_digest(policies: PolicySet, held: Entitlements, now: datetime) -> str:
    parts = [policies.digest, held.digest, to_milliseconds(now)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _instant(text: str) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=epoch_milliseconds(text))
