"""From a question to an answer that may begin: the whole application, in the order of its flow."""

from concurrent.futures import Future
from functools import partial

from retrieval.index import Index, Query
from retrieval.record import Retrieval
from retrieval.retrieve import Find
from retrieval.tracing import step
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
    principal = call.principal()
    purpose = call.purpose(
        "answer", question, model=on.model.id, guardrail=on.model.policy, template=TEMPLATE, budget=on.bounds.budget
    )
    retrieval = call.retrieve(finding(call, query, index, on.bounds.hits), principal, purpose)
    if not retrieval.passages:
        return _generated(call, question, retrieval), retrieval
    try:
        call.deadline.left()
        return _generated(call, question, retrieval), retrieval
    except Exception:  # whatever went wrong, the record says that nothing was disclosed
        call.close(retrieval.receipt, "failed")
        raise


def _generated(call: Call, question: Question, retrieval: Retrieval) -> Answer:
    with step("build-prompt") as span:
        span.set_attribute("antechamber.passages", len(retrieval.passages))
        prompt = build_prompt(question, retrieval)
    with step("generate"):
        return generate(prompt, call.on.model)


def search(call: Call, question: Question, k: int) -> Retrieval:
    """Return the `k` best passages for `question` that the caller may read. Raises as `answer` does."""
    query, index = _beside(call, question)
    return call.retrieve(finding(call, query, index, k), call.principal(), call.purpose("search", question))


def review(call: Call, question: Question) -> Retrieval:
    """Return what an answer to `question` would rest on now, recorded as a view. Raises as `answer` does."""
    query, index = _beside(call, question)
    try:
        purpose = call.purpose("view", question, template=TEMPLATE, budget=call.on.bounds.budget)
        return call.retrieve(finding(call, query, index, call.on.bounds.hits), call.principal(), purpose)
    finally:
        query.cancel()


def finding(call: Call, query: "Future[Query]", index: Waiting[Index], k: int) -> Find:
    """Return how to find `k` passages for `query`, which is still being embedded, in the `index` still asked for."""
    return lambda scope: index().search(in_time(query, call.deadline), scope, k, call.deadline)


def _beside(call: Call, question: Question) -> "tuple[Future[Query], Waiting[Index]]":
    """Begin what is done beside the directory: the embedding, and the look at which index answers."""
    return call.place.run(partial(_embed, call, question)), call.index()


def _embed(call: Call, question: Question) -> Query:
    with step("embed"):
        return Query(question, call.on.embedder.embed([question])[0])
