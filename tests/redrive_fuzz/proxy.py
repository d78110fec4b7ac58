"""Stands between the command and SQS: makes calls fail, and writes down what reached SQS and what was answered.

A receive whose answer is lost on purpose hides its messages for `UNHEARD` seconds only, then the proxy shows them:
nobody ever heard of that hold, so nobody's clock is wrong, and the run need not wait two minutes. All other holds are
as long as the command asks for. An empty receive is answered at once, as SQS may.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.redrive_fuzz.engines import Engine
from tests.redrive_fuzz.evidence import Send
from tests.redrive_fuzz.faults import Faults, failed_entry, refusal
from tests.redrive_fuzz.wire import Answer, Asked, Upstream, asked

UNHEARD = 1
SPARED = 0.8
"""How many of the faults do not hit the calls of botocore, by which the command begins: it would never begin."""
ROLE = (
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA{0:016d}</AccessKeyId><SecretAccessKey>s"
    "</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
    "</AssumeRoleResult></AssumeRoleResponse>"
)
ABSENT = Answer(
    400,
    {"content-type": "application/x-amz-json-1.0"},
    b'{"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "there is no such table"}',
)
SQS = "AmazonSQS."
KEY = re.compile("k-[0-9]+-[0-9]+-z")
BATCHES = ("SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch")


class _Closed(Exception):
    """The connection ends here."""


class Proxy:
    """A fault proxy before one engine; `faults` may be changed between processes."""

    def __init__(self, engine: Engine) -> None:
        self._upstream = Upstream(engine.port)
        self._host = f"127.0.0.1:{engine.port}"
        self.faults = Faults(0)
        self.url = ""
        self.process = 0
        """The number of the process that calls are counted for."""
        self.kill: Callable[[], None] = lambda: None
        self.dead = False
        """Whether the process is dead, so that no answer reaches it."""
        self.counts: Counter[str] = Counter()
        self.hurt: Counter[str] = Counter()
        """How often each fault was made."""
        self.sends: list[Send] = []
        self.began: dict[int, float] = {}
        """By process when it first asked for messages."""
        self.holds: dict[str, dict[str, str]] = {}
        """By queue and message the receipt that was handed out last."""
        self.waits = False
        """Whether an empty receive waits as long as it is asked to."""
        self._total = 0
        self._under_way = 0
        self._deleted: set[str] = set()
        self._keys: dict[str, set[str]] = {}
        """What marks a letter, by the receipts it was handed out with."""
        self._showing: set[asyncio.Task[None]] = set()
        self._signed_in = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, limit=2**18)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exc: Any) -> None:
        assert self._server is not None
        self._server.close()
        for task in [*self._open, *self._showing]:
            task.cancel()
        await asyncio.gather(*self._open, *self._showing, return_exceptions=True)
        self._upstream.close()

    async def quiet(self) -> None:
        """Waits until nothing is on its way to SQS any more."""
        while self._under_way:  # noqa: ASYNC110 - it is over in moments
            await asyncio.sleep(0.01)
        await asyncio.gather(*self._showing)

    def begin(self, faults: Faults) -> int:
        """Counts the calls of the next process anew; its number."""
        self.faults, self.dead = faults, False
        self.process += 1
        self.counts = Counter()
        self._total = 0
        return self.process

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            while True:
                request = await asked(reader)
                self._under_way += 1
                try:
                    answer, sends = await self._act(request)
                finally:
                    self._under_way -= 1
                writer.write(answer)
                await writer.drain()
                for send in sends:
                    if not self.dead or send.process != self.process:
                        send.answered = time.monotonic()
        except (asyncio.IncompleteReadError, ConnectionError, _Closed, asyncio.LimitOverrunError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _act(self, request: Asked) -> tuple[bytes, list[Send]]:
        if request.body.startswith(b"Action=AssumeRole"):
            self._signed_in += 1
            return Answer(200, {"content-type": "text/xml"}, ROLE.format(self._signed_in).encode()).encoded(), []
        if not request.action.startswith(SQS):
            return ABSENT.encoded(), []
        action = request.action.removeprefix(SQS)
        self.counts[action] += 1
        self._total += 1
        number, process = self.counts[action], self.process
        kind, dice = self.faults.of(action, number)
        if "Botocore" in request.headers.get("user-agent", "") and dice.random() < SPARED:
            kind = ""
        if self._total == self.faults.expired_at:
            kind = "expired"
        if self.faults.kill is not None and self.faults.kill[:2] == (action, number):
            kind = "kill"
            if action == "DeleteMessageBatch":
                self._hear(json.loads(request.body)["Entries"], process)
            if not self.faults.kill[2]:
                self.hurt[kind] += 1
                self._kill()
                raise _Closed
        if kind:
            self.hurt[kind] += 1
        if kind == "closed":
            raise _Closed
        if kind in ("expired", "500", "503", "throttle"):
            return refusal(kind, dice).encoded(), []
        unheard = kind in ("lost", "cut", "torn", "kill")
        body = json.loads(request.body)
        if action == "DeleteMessageBatch":
            self._hear(body["Entries"], process)
        failed: list[dict[str, object]] = []
        if kind == "slow":
            await asyncio.sleep(dice.uniform(0, self.faults.slowest) * dice.choice((0, 1)))
        if kind == "partial" and action in BATCHES:
            chosen = [dice.random() < 0.5 for _ in body["Entries"]]
            failed = [failed_entry(each["Id"], dice) for each, out in zip(body["Entries"], chosen, strict=True) if out]
            body["Entries"] = [each for each, out in zip(body["Entries"], chosen, strict=True) if not out]
        answer, sends = await self._forward(action, request, body, process, unheard=unheard)
        if failed:
            told = json.loads(answer.body)
            told["Failed"] = [*told.get("Failed", []), *failed]
            answer.body = json.dumps(told).encode()
        if kind == "kill":
            self._kill()
        if kind == "slow":
            await asyncio.sleep(dice.uniform(0, self.faults.slowest))
        if kind in ("lost", "kill") or (self.dead and process == self.process):
            raise _Closed
        if kind == "cut":
            answer.body = answer.body[: dice.randrange(len(answer.body) or 1)]
            return answer.encoded(), []
        if kind == "torn":
            whole = answer.encoded()
            return whole[: len(whole) - 1 - dice.randrange(len(answer.body) or 1)] + b"", self._tear()
        return answer.encoded(), sends

    def _hear(self, entries: list[dict[str, Any]], process: int) -> None:
        """A process deletes what it knows to be sent."""
        keys = {key for each in entries for key in self._keys.get(each["ReceiptHandle"], ())}
        for send in self.sends:
            if send.process == process and send.answered and keys.intersection(KEY.findall(send.body)):
                send.heard = True

    def _tear(self) -> list[Send]:
        """The connection is closed after the part that was written."""
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_later(0.01, task.cancel)
        return []

    def _kill(self) -> None:
        self.dead = True
        self.kill()

    async def _forward(
        self, action: str, request: Asked, body: dict[str, Any], process: int, *, unheard: bool
    ) -> tuple[Answer, list[Send]]:
        sends: list[Send] = []
        if action in BATCHES and not body["Entries"]:
            return Answer(200, {"content-type": "application/x-amz-json-1.0"}, b'{"Successful": [], "Failed": []}'), []
        if action == "ReceiveMessage":
            self.began.setdefault(process, time.monotonic())
        if action == "ReceiveMessage" and not self.waits:
            body["WaitTimeSeconds"] = 0
        headers = {**request.headers, "host": self._host}
        begun = time.monotonic()
        answer = await self._upstream.ask(Asked(request.line, headers, json.dumps(body).encode()))
        told = json.loads(answer.body) if answer.status == 200 and answer.body else {}
        if action == "SendMessageBatch":
            took = {each["Id"] for each in told.get("Successful", [])}
            sends = [Send(each["MessageBody"], begun, None, process) for each in body["Entries"] if each["Id"] in took]
            self.sends += sends
        elif action == "DeleteMessageBatch":
            self._settle(body["Entries"], told)
            answer.body = json.dumps(told).encode() if told else answer.body
        elif action == "ReceiveMessage":
            self._keys |= {each["ReceiptHandle"]: set(KEY.findall(each["Body"])) for each in told.get("Messages") or []}
            handed = {each["MessageId"]: each["ReceiptHandle"] for each in told.get("Messages") or []}
            if unheard and handed:
                self._showing.add(asyncio.create_task(self._show(headers, request.line, body["QueueUrl"], handed)))
            else:
                self.holds.setdefault(body["QueueUrl"], {}).update(handed)
        return answer, sends

    def _settle(self, entries: list[dict[str, Any]], told: dict[str, Any]) -> None:
        """SQS says yes to a second deletion by the same handle, where ministack says that there is no such handle.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
        """
        receipts = {each["Id"]: each["ReceiptHandle"] for each in entries}
        again = [each for each in told.get("Failed", []) if receipts[each["Id"]] in self._deleted]
        if again:
            told["Failed"] = [each for each in told["Failed"] if each not in again]
            told["Successful"] = [*told.get("Successful", []), *({"Id": each["Id"]} for each in again)]
        self._deleted.update(receipts[each["Id"]] for each in told.get("Successful", []))

    async def _show(self, headers: dict[str, str], line: str, url: str, handed: dict[str, str]) -> None:
        """Ends a hold of which nobody heard."""
        await asyncio.sleep(UNHEARD)
        entries = [
            {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
            for number, receipt in enumerate(handed.values())
        ]
        headers = {**headers, "x-amz-target": f"{SQS}ChangeMessageVisibilityBatch"}
        await self._upstream.ask(Asked(line, headers, json.dumps({"QueueUrl": url, "Entries": entries}).encode()))
