"""Having a model code records: archived answers first, then the server, in the records' order."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from innovatory.codebook import Codebook
from innovatory.engine import digest
from innovatory.errors import ObservatoryError
from innovatory.llm.answers import Fault, Read, read
from innovatory.llm.archive import ANSWERED, Archive, Exchange
from innovatory.llm.budget import Budget, Meter, Progress
from innovatory.llm.client import Client, Failure, said
from innovatory.llm.endpoint import Endpoint
from innovatory.llm.prompt import (
    Prompt,
    Request,
    canonical_json,
    prompt,
    shown,
    template_hash,
)
from innovatory.records import Coder, Coding, Record, Reject, Row

PATIENCE = 3
"""Records in a row without an answer after which the server is taken to be down."""

_FLAG = "The words that the model quoted are not in the record."

Watch = Callable[[Progress], None]


def coder(endpoint: Endpoint) -> Coder:
    """The coder that a model is when asked with these parameters and this template.

    Another model, parameter or template is another coder, whose answers stand beside the first's.

    >>> who = coder(Endpoint("http://localhost:11434/v1", "Qwen3:8b"))
    >>> who.id == f"llm-qwen3-8b-{who.version[:8]}", who.kind, who.label
    (True, 'llm', 'Qwen3:8b')
    """
    asked = {
        "model": endpoint.model,
        "parameters": endpoint.parameters,
        "template": template_hash(),
    }
    version = digest(canonical_json(asked).encode())[:16]
    name = re.sub(r"[^a-z0-9]+", "-", endpoint.model.lower())[:60].strip("-")
    return Coder("-".join(filter(None, ("llm", name, version[:8]))), "llm", endpoint.model, version)


def code(
    records: Sequence[Record],
    book: Codebook,
    endpoint: Endpoint,
    archive: Archive,
    *,
    dimensions: Sequence[str] = (),
    replay: bool = False,
    budget: Budget | None = None,
    progress: Watch | None = None,
) -> Iterator[Row | Reject]:
    """What a model answers about records, a coding for each dimension, or why there is none.

    Rows are numbered as the records, from 1; `raw` holds the key of the request in the archive.
    What the archive holds is not asked again. The run goes on to its end whatever the server does:
    a row 0 says how many records were not asked, and why. With `replay` nothing is asked at all,
    and ObservatoryError is raised before the first row where an answer is missing; also for
    dimensions that the codebook does not ask, and an endpoint that cannot be used.
    """
    run = Run(
        prompt(book, dimensions), endpoint, archive, Meter(budget or Budget()), replay, progress
    )
    who = coder(endpoint)
    for outcome in run.outcomes(records):
        yield from _rows(outcome, who.id, book.version)
    yield from run.notices(who.id)


def _rows(outcome: Outcome, who: str, version: str) -> Iterator[Row | Reject]:
    answers = outcome.read.answers
    for dimension, answer in answers.items():
        if not answer.value:
            continue
        quotes = [e.quote for e in answer.evidence]
        raw = {"request": outcome.key, "value": answer.value, "evidence": quotes}
        coding = Coding(
            outcome.record.id,
            dimension,
            who,
            answer.value,
            evidence=answer.evidence,
            comment=_FLAG if answer.flagged else "",
            codebook=version,
            coded_at=outcome.exchange.at if outcome.exchange else "",
            seconds=outcome.exchange.seconds if outcome.exchange else None,
        )
        yield Row(outcome.number, coding, json.dumps(raw))
    yield from rejects(outcome, who)


def rejects(outcome: Outcome, who: str) -> list[Reject]:
    """What could not be taken of an outcome, under the id of the coder."""
    return [
        Reject(who, outcome.number, fault.field, fault.reason, fault.next_step,
               kept=fault.kept, excerpt=fault.excerpt)
        for fault in outcome.read.faults
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one record; `key` is that of the request whose answer was read."""

    number: int
    record: Record
    read: Read
    exchange: Exchange | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class _Question:
    """A record as it is put to the model: held to the schema, or else only told of it."""

    number: int
    record: Record
    requests: tuple[Request, Request]
    cut: tuple[str, ...]


_Answered = tuple[Exchange, str]


class Run:
    """One pass over records with one prompt; afterwards it can say what befell it."""

    def __init__(
        self,
        prompt: Prompt,
        endpoint: Endpoint,
        archive: Archive,
        meter: Meter,
        replay: bool,
        progress: Watch | None,
    ) -> None:
        self._prompt = prompt
        self._endpoint = endpoint
        self._archive = archive
        self._meter = meter
        self._replay = replay
        self._progress = progress
        self._turns = asyncio.Semaphore(endpoint.at_once)
        self._client: Client | None = None
        self._stop: Failure | None = None
        self._silent = self._left = self._plain = 0
        self._constrains: bool | None = None
        self._served: Counter[str] = Counter()

    def outcomes(self, records: Sequence[Record]) -> Iterator[Outcome]:
        """What comes of each record, in their order."""
        if self._replay:
            self._all_archived(records)
        waiting: deque[tuple[_Question, Future[_Answered | Failure] | _Answered]] = deque()
        # So many are begun ahead that none of the turns stays free while an answer is read.
        ahead = 2 * self._endpoint.at_once
        try:
            for number, record in enumerate(records, 1):
                question = self._question(number, record)
                waiting.append((question, self._archived(question) or self._begin(question)))
                if len(waiting) > ahead:
                    yield self._finish(*waiting.popleft(), of=len(records))
            while waiting:
                yield self._finish(*waiting.popleft(), of=len(records))
        finally:
            if self._client is not None:
                self._client.close()

    def notices(self, file: str) -> Iterator[Reject]:
        """What has to be said of the run as a whole, as rows 0."""
        if self._stop is not None:
            reason = f"{self._stop.reason}; records left without an answer: {self._left}"
            yield Reject(file, 0, "", reason, self._stop.next_step)
        if self._plain:
            reason = f"the server held {self._plain} answers to no schema"
            yield Reject(file, 0, "schema", reason, "compare with a server that does", kept=True)
        if len(self._served) > 1:
            told = ", ".join(f"{name} ({n})" for name, n in sorted(self._served.items()))
            reason = f"the answers come from {len(self._served)} versions of the model"
            step = "compare their answers; name the version in llm.model where the server lets you"
            yield Reject(file, 0, "model", reason, step, kept=True, excerpt=told[:400])

    def _question(self, number: int, record: Record) -> _Question:
        seen = shown(record)
        how = (self._prompt, seen.text, self._endpoint.model, self._endpoint.parameters)
        return _Question(
            number, record, (Request(*how), Request(*how, constrained=False)), seen.cut
        )

    def _archived(self, question: _Question) -> _Answered | None:
        for request in question.requests:
            if found := self._archive.answer(request.key):
                return found, request.key
        return None

    def _all_archived(self, records: Sequence[Record]) -> None:
        missing = [r.id for n, r in enumerate(records) if not self._archived(self._question(n, r))]
        if missing:
            raise ObservatoryError(
                f"{self._archive.path}: holds no answer about {len(missing)} of {len(records)} "
                f"records, among them {missing[0]!r}; run once without replay to ask for them"
            )

    def _begin(self, question: _Question) -> Future[_Answered | Failure]:
        if self._client is None:
            self._client = Client(self._endpoint, self._meter)
        return self._client.start(self._exchange(self._client, question))

    async def _exchange(self, client: Client, question: _Question) -> _Answered | Failure:
        """Ask when it is one's turn, and note at once what ends the run for the others."""
        async with self._turns:
            if self._stop is not None:
                return self._stop
            got = await self._asked(client, question)
            if not isinstance(got, Failure) or got.alone:
                self._silent = 0
                return got
            self._silent += 1
            if got.ends or self._silent >= PATIENCE:
                self._stop = self._stop or got
                return self._stop
            return got

    async def _asked(self, client: Client, question: _Question) -> _Answered | Failure:
        """Ask for an answer held to the schema, or where the server will not do that, without."""
        held, free = question.requests
        if self._constrains is not False:
            got = await self._sent(client, held)
            if not isinstance(got, Exchange):
                return got
            if got.status == ANSWERED:
                self._constrains = True
                return got, held.key
        got = await self._sent(client, free)
        if not isinstance(got, Exchange):
            return got
        if got.status == ANSWERED:
            # A server that ever held an answer to the schema refused this one for another reason.
            self._constrains = bool(self._constrains)
            return got, free.key
        return Failure(
            f"the server refuses the request with status {got.status}: {said(got.body)}",
            "shorten the record, or give the model more context",
            alone=True,
        )

    async def _sent(self, client: Client, request: Request) -> Exchange | Failure:
        got = await client.ask(request.body)
        if isinstance(got, Exchange):
            self._archive.keep(request, got)
        return got

    def _finish(
        self,
        question: _Question,
        given: Future[_Answered | Failure] | _Answered,
        *,
        of: int,
    ) -> Outcome:
        got = given.result() if isinstance(given, Future) else given
        if self._progress is not None:
            meter = self._meter
            self._progress(Progress(question.number, of, meter.requests, meter.tokens, meter.cost))
        if isinstance(got, Failure):
            # What ended the run is said once, in row 0, and not again for each record.
            left = got is self._stop
            self._left += left
            faults = () if left else (Fault("", got.reason, got.next_step),)
            return Outcome(question.number, question.record, Read({}, faults))
        exchange, key = got
        found = read(exchange.body, record=question.record, prompt=self._prompt)
        self._served[found.served] += 1
        self._plain += key == question.requests[1].key
        if question.cut:
            reason = f"the record was shown in part: cut short are {', '.join(question.cut)}"[:400]
            step = "have a person code it, or shorten the record"
            cut = Fault(question.cut[0], reason, step, kept=True)
            found = Read(found.answers, (*found.faults, cut), found.served)
        return Outcome(question.number, question.record, found, exchange, key)
