"""`/healthz` says that the process lives, `/readyz` that everything it needs answers."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def health() -> dict[str, str]:
    """Return that this process answers."""
    return {"status": "alive"}


@router.get("/readyz")
def ready(request: Request) -> JSONResponse:
    """Return each dependency's state by name, with 503 if one of them fails."""
    states = request.app.state.readiness()
    ok = all(states.values())
    named = {name: "ready" if state else "not ready" for name, state in states.items()}
    return JSONResponse({"status": "ready" if ok else "not ready", "dependencies": named}, 200 if ok else 503)
