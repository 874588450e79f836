"""From a question to an answer that may begin: the whole application, in the order of its flow."""

from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError

from retrieval.errors import DeadlineExceededError
from retrieval.index import Query
from retrieval.record import Retrieval
from retrieval.retrieve import Find
from service.answer import Answer, generate
from service.prompt import TEMPLATE, Question, build_prompt
from service.request import Call


def answer(call: Call, question: Question) -> tuple[Answer, Retrieval]:
    """Return the answer to `question` from what the caller may read, and the retrieval that is recorded under it.

    An answer that does not begin is closed as `failed`, and its `ModelUnavailableError` goes on. Raises whatever
    `look_up` and `retrieve` raise, `EmbeddingUnavailableError` and `DeadlineExceededError`.
    """
    on = call.on
    vector = on.pool.submit(_embed, call, question)  # beside the directory
    try:
        principal = call.principal()
        purpose = call.purpose(
            "answer", question, model=on.model.id, guardrail=on.model.policy, template=TEMPLATE, budget=on.bounds.budget
        )
        retrieval = call.retrieve(finding(call, vector, on.bounds.hits), principal, purpose)
    finally:
        vector.cancel()  # nobody waits for it any more
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
    vector = call.on.pool.submit(_embed, call, question)
    try:
        return call.retrieve(finding(call, vector, k), call.principal(), call.purpose("search", question))
    finally:
        vector.cancel()


def finding(call: Call, query: "Future[Query]", k: int) -> Find:
    """Return how to find `k` passages for `query`, which is still being embedded."""
    return lambda scope: call.on.stores.index.search(_wait(call, query), scope, k, call.deadline)


def _embed(call: Call, question: Question) -> Query:
    return Query(question, call.on.embedder.embed([question])[0])


def _wait(call: Call, query: "Future[Query]") -> Query:
    try:
        return query.result(call.deadline.left())
    except FutureTimeoutError as error:
        message = "the embedding took longer than the request may"
        raise DeadlineExceededError(message) from error
