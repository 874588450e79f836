"""The routes of the pages, together."""

from fastapi import APIRouter

from service.web import asking, compare, documents, files, operate, records, reference, signing_in, why, writing

_ROUTERS = (
    files.router,
    signing_in.router,
    asking.router,
    asking.whole,
    asking.streams,
    compare.router,
    compare.whole,
    documents.router,
    why.router,
    records.router,
    operate.router,
    reference.router,
)
_WRITING = (writing.scripted, writing.router)


def routes_of_pages(*, writes: bool) -> APIRouter:
    """Return all routes of the pages; those that write only where the process does."""
    router = APIRouter(include_in_schema=False)
    for each in (*_ROUTERS, *(_WRITING if writes else ())):
        router.include_router(each)
    return router
