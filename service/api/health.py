"""`/healthz` says that the process lives, `/readyz` that everything it needs answers."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from service.request import dependencies

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def health() -> dict[str, str]:
    """Return that this process answers."""
    return {"status": "alive"}


@router.get("/readyz")
def ready(request: Request) -> JSONResponse:
    """Return each dependency's state by name, with 503 if one of them fails."""
    states: dict[str, str] = {}
    for name, probe in dependencies(request).probes.items():
        try:
            probe()
            states[name] = "ready"
        except Exception as error:  # noqa: BLE001 - whatever a probe raises, it is not ready
            states[name] = type(error).__name__
    ok = all(state == "ready" for state in states.values())
    return JSONResponse({"status": "ready" if ok else "not ready", "dependencies": states}, 200 if ok else 503)
