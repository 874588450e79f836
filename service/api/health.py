"""`/healthz` says that the process lives, `/readyz` that everything it needs answers."""

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def health() -> dict[str, str]:
    """Return that this process answers: no thread and no place is needed to say so."""
    return {"status": "alive"}


@router.get("/readyz")
async def ready(request: Request) -> JSONResponse:
    """Return each dependency's state by name, with 503 if one of them fails or this process is about to end."""
    readiness = request.app.state.readiness
    # In a thread that no request takes: those have places of their own.
    states = {} if readiness.draining else await to_thread.run_sync(readiness)
    named = {name: "ready" if state else "not ready" for name, state in states.items()}
    if readiness.draining:
        return JSONResponse({"status": "draining", "dependencies": named}, 503, _AGAIN)
    ok = all(states.values())
    return JSONResponse(
        {"status": "ready" if ok else "not ready", "dependencies": named}, 200 if ok else 503, None if ok else _AGAIN
    )


_AGAIN = {"Retry-After": "5"}
