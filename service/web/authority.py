"""From a person at an auditors' or operators' page to whether they may see it: decided by Cedar, always recorded."""

from authz.decision import TenantAction
from authz.directory import Principal
from retrieval.audit import Json
from retrieval.record import Event, record_event
from service.errors import ForbiddenError
from service.web.visiting import Visitor

_EVENTS: dict[TenantAction, Event] = {"readAudit": "audit-read", "operate": "operator-view"}


def authorized(visiting: Visitor, action: TenantAction, details: dict[str, Json]) -> Principal:
    """Return the principal who may do `action` in their own tenant, once it is on record that they do.

    Raises `ForbiddenError` if no policy lets them, which is on record too, and `AuditUnavailableError`.
    """
    call = visiting.call
    principal = call.principal()
    allowed = visiting.may(principal, action)
    purpose, outcome = call.purpose(_EVENTS[action]), "complete" if allowed else "denied"
    audit = call.on.stores.audit
    record_event(principal, purpose, call.policies, call.now, outcome, {"page": True, **details}, audit)  # type: ignore[arg-type]  # one of the two
    if not allowed:
        raise ForbiddenError
    return principal
