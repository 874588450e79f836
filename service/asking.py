"""From a question to an answer that may begin: the whole application, in the order of its flow."""

from concurrent.futures import Future

from retrieval.index import Index, Query
from retrieval.record import Retrieval
from retrieval.retrieve import Find
from service.answer import Answer, generate
from service.prompt import TEMPLATE, Question, build_prompt
from service.request import Call, Waiting, in_time


def answer(call: Call, question: Question) -> tuple[Answer, Retrieval]:
    """Return the answer to `question` from what the caller may read, and the retrieval that is recorded under it.

    An answer that does not begin is closed as `failed`, and its `ModelUnavailableError` goes on. Raises whatever
    `look_up` and `retrieve` raise, `EmbeddingUnavailableError` and `DeadlineExceededError`.
    """
    on = call.on
    query, index = _beside(call, question)
    try:
        principal = call.principal()
        purpose = call.purpose(
            "answer", question, model=on.model.id, guardrail=on.model.policy, template=TEMPLATE, budget=on.bounds.budget
        )
        retrieval = call.retrieve(finding(call, query, index, on.bounds.hits), principal, purpose)
    finally:
        query.cancel()  # nobody waits for it any more
    if not retrieval.passages:
        return generate(build_prompt(question, retrieval), on.model), retrieval
    try:
        call.deadline.left()
        return generate(build_prompt(question, retrieval), on.model), retrieval
    except Exception:  # whatever went wrong, the record says that nothing was disclosed
        call.close(retrieval.receipt, "failed")
        raise


def search(call: Call, question: Question, k: int) -> Retrieval:
    """Return the `k` best passages for `question` that the caller may read. Raises as `answer` does."""
    query, index = _beside(call, question)
    try:
        return call.retrieve(finding(call, query, index, k), call.principal(), call.purpose("search", question))
    finally:
        query.cancel()


def finding(call: Call, query: "Future[Query]", index: Waiting[Index], k: int) -> Find:
    """Return how to find `k` passages for `query`, which is still being embedded, in the `index` still asked for."""
    return lambda scope: index().search(in_time(query, call.deadline), scope, k, call.deadline)


def _beside(call: Call, question: Question) -> "tuple[Future[Query], Waiting[Index]]":
    """Begin what is done beside the directory: the embedding, and the look at which index answers."""
    return call.on.pool.submit(_embed, call, question), call.index()


def _embed(call: Call, question: Question) -> Query:
    return Query(question, call.on.embedder.embed([question])[0])
