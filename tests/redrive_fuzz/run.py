"""Carries out one run: fills queues, starts the command, upsets it, lets `resume` end it, and gathers the evidence.

When a process was killed, time passes: what it held is shown again, as SQS does two minutes later, and its files are as
old as they would be then. Some runs wait the two minutes, others resume at once and have the hold end meanwhile.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.redrive_fuzz.auditor import Finding, decoded, judged
from tests.redrive_fuzz.engines import Engine
from tests.redrive_fuzz.evidence import Asked, Copy, Ended, Evidence, Letter
from tests.redrive_fuzz.faults import Faults
from tests.redrive_fuzz.processes import Process
from tests.redrive_fuzz.proxy import Proxy
from tests.redrive_fuzz.queues import PROJECT, Queues
from tests.redrive_fuzz.scenario import Scenario, Upset

PASSED = 200
"""Seconds that have passed when time has: longer than a process that died can hide anything."""
PATIENCE = 300.0
MOST_PROCESSES = 9
Start = Callable[[list[str], Path, str, int | None], Awaitable[Process]]
"""Starts the command with these arguments, in that home, as that module, with holds of so many seconds."""


@dataclass
class Result:
    """What a run showed."""

    scenario: Scenario
    findings: list[Finding] = field(default_factory=list)
    messages: int = 0
    processes: int = 0
    kills: int = 0
    signals: int = 0
    hurt: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    ended: list[int] = field(default_factory=list)
    """How its processes ended, one after the other."""


async def carried_out(scenario: Scenario, engine: Engine, region: str, folder: Path, start: Start) -> Result:
    """Carries it out, and judges it."""
    started = time.monotonic()
    async with Proxy(engine) as proxy:
        run = _Run(scenario, engine, region, folder, proxy, start)
        result = await run.carry_out()
    result.seconds = time.monotonic() - started
    return result


class _Run:
    def __init__(
        self, scenario: Scenario, engine: Engine, region: str, folder: Path, proxy: Proxy, start: Start
    ) -> None:
        self.scenario = scenario
        self.home = folder / f"{scenario.seed}-{scenario.kind.replace(' ', '-')}"
        self.files = self.home / "ops" / "local"
        self.proxy = proxy
        self.start = start
        self.dice = random.Random(f"{scenario.seed} drive")
        self.result = Result(scenario, messages=len(scenario.drafts))
        self.ended: list[Ended] = []
        self.held: list[str] = []
        self.upset = 0
        self.exported = 0
        named = f"{PROJECT}-local-{'change_ticket' if scenario.fifo else 'open_ticket'}"
        self.name = named if scenario.kind == "topology" else f"q{scenario.seed}-{scenario.kind.replace(' ', '-')}"
        self.engine, self.region = engine, region

    async def carry_out(self) -> Result:
        scenario = self.scenario
        self.queues = await asyncio.to_thread(self._fill)
        self.letters: list[Letter] = await asyncio.to_thread(self.queues.put, scenario.drafts, died=scenario.died)
        self._write_state()
        if scenario.older == "1s":
            await asyncio.sleep(2.1)
        try:
            if scenario.action == "import":
                taken = ["--file", str(self.home / "taken.jsonl")]
                await self._command(["drop", self._queue(), "--yes", *taken, *self._any_queue()], calm=True)
                self.ended.clear()
            self.held = await asyncio.to_thread(self.queues.hold, scenario.held) if scenario.held else []
            if scenario.twice:
                await self._both()
            else:
                await self._until_ended(self._arguments())
            await self.proxy.quiet()
            await self._let_go()
            await self._time_passes()
            evidence = await self._evidence()
        finally:
            await asyncio.to_thread(self.queues.delete)
        result = self.result
        result.findings += judged(evidence)
        result.hurt = self.proxy.hurt
        result.processes = len(self.ended)
        result.ended = [each.code for each in self.ended]
        return result

    def _fill(self) -> Queues:
        redrives = self.scenario.died or not self.scenario.to
        return Queues(self.engine, self.region, self.name, fifo=self.scenario.fifo, redrives=redrives)

    def _write_state(self) -> None:
        self.home.mkdir(parents=True)
        account = self.queues.arn.split(":")[4]
        state = {"aws_endpoint_url": self.proxy.url, "region": self.region, "api_url": "", "account": account}
        state |= {"access_key_id": "key", "secret_access_key": "hidden", "ca_bundle": ""}
        (self.home / "state.json").write_text(json.dumps(state))

    # the command

    def _queue(self) -> str:
        if self.scenario.kind == "topology":
            return "change_ticket" if self.scenario.fifo else "open_ticket"
        return str(self.dice.choice((self.queues.dead, self.queues.arn, self.queues.dead.rpartition("/")[2])))

    def _any_queue(self) -> list[str]:
        """What lets `drop` take a queue that is nobody's dead-letter queue; ministack cannot say whose it is."""
        s = self.scenario
        known = s.kind == "topology" or (s.engine == "moto" and (s.died or not s.to))
        return [] if known else ["--any-queue"]

    def _arguments(self) -> list[str]:
        s = self.scenario
        if s.action == "import":
            return ["import", self.queues.work, str(self.home / "taken.jsonl"), "--yes"]
        arguments = [s.action, self._queue()]
        if s.action == "export":
            arguments.append("{file}")
        else:
            arguments.append("--yes")
        if s.chosen is not None:
            arguments += ["--filter", s.chosen.text]
        if s.ids is not None:
            arguments += ["--ids", ",".join(self.letters[number].id for number in s.ids)]
        if s.limit is not None:
            arguments += ["--limit", str(s.limit)]
        if s.older is not None:
            arguments += ["--older-than", s.older]
        if s.action == "drop":
            arguments += self._any_queue()
        if s.action == "redrive":
            arguments += ["--to", self.queues.work] if s.to else []
            arguments += ["--edit", s.patch] if s.patch is not None else []
            arguments += ["--rate", str(s.rate)] if s.rate is not None else []
            arguments += ["--out-of-order"] if s.out_of_order else []
        return [*arguments, *s.senseless]

    async def _until_ended(self, arguments: list[str]) -> None:
        """The command, and what a person does until it says that it ended."""
        ended = await self._command(arguments)
        while len(self.ended) < MOST_PROCESSES and (
            ended.killed is not None or ended.code in (1, 5) or self._again(ended)
        ):
            calm = len(self.ended) >= MOST_PROCESSES - 3
            await self._let_go()
            if not self.scenario.waits:
                await self.proxy.quiet()
                if not (self.scenario.at_once and self.scenario.action == "redrive"):
                    await self._time_passes()
            runs = self._unfinished()
            if runs:
                shown = asyncio.create_task(self._shown_later()) if self.scenario.at_once else None
                for run in runs:
                    ended = await self._command(["resume", run], calm=calm)
                if shown is not None:
                    await shown
            else:
                # Nothing was sent: whoever asks again at once is told, truly, that nothing waits.
                await self.proxy.quiet()
                await self._time_passes()
                ended = await self._command(arguments, calm=calm)

    def _again(self, ended: Ended) -> bool:
        """Whether it says that it is to be asked again: a `drop`, or what left its run open as messages are hidden."""
        asked = self.scenario.action == "drop" and "were not deleted" in ended.out + ended.err
        return ended.code == 3 and (asked or bool(self._unfinished()))

    async def _both(self) -> None:
        """Two commands on one queue at the same time, then what is left."""
        first = self._arguments()
        other = ["drop", self._queue(), "--yes", *self._any_queue()] if self.dice.random() < 0.4 else first
        faults = self.scenario.faults[0] if self.scenario.faults else Faults(0)
        self.proxy.begin(Faults(faults.seed, faults.likely))
        await asyncio.gather(self._process(first, Upset()), self._process(other, Upset()))
        await self.proxy.quiet()
        for each in self.ended:
            if each.code == 2 and "runs since" not in each.out + each.err:
                self.result.findings.append(
                    Finding("exit code", f"2 beside another: {each.out[:300]} {each.err[:300]}")
                )
        await self._time_passes()
        for run in self._unfinished():
            await self._command(["resume", run], calm=True)
        await self._command(first, calm=True)

    async def _command(self, arguments: list[str], *, calm: bool = False) -> Ended:
        number = self.upset
        faults, upset = Faults(0), Upset()
        if not calm and number < len(self.scenario.faults):
            faults, upset = self.scenario.faults[number], self.scenario.upsets[number]
            self.upset += 1
        self.proxy.begin(faults)
        return await self._process(arguments, upset)

    async def _process(self, arguments: list[str], upset: Upset) -> Ended:
        self.exported += 1
        export = str(self.home / f"export-{self.exported}.jsonl")
        named = [export if each == "{file}" else each for each in arguments]
        module = "tests.sample.ops" if self.scenario.kind == "topology" else "ops"
        process = await self.start([*named, "--json"], self.home, module, self.scenario.hold)
        ended = Ended(named, self.proxy.process, 0, "", "")

        def kill() -> None:
            ended.killed = time.monotonic()
            self.proxy.dead = True
            process.signal(signal.SIGKILL)

        self.proxy.kill = kill
        upsetting = asyncio.create_task(self._upset(process, upset, kill, ended))
        try:
            ended.code, ended.out, ended.err = await asyncio.wait_for(process.ended(), PATIENCE)
        except TimeoutError:
            self.result.findings.append(Finding("hung", f"{' '.join(named)} took more than {PATIENCE:.0f} s"))
            kill()
            ended.code, ended.out, ended.err = await process.ended()
        upsetting.cancel()
        await asyncio.gather(upsetting, return_exceptions=True)
        if ended.code != -signal.SIGKILL:
            ended.killed = None  # it ended before the signal arrived
        self.result.kills += ended.killed is not None
        self.ended.append(ended)
        return ended

    async def _upset(self, process: Process, upset: Upset, kill: Callable[[], None], ended: Ended) -> None:
        if not upset.signal:
            return
        await asyncio.sleep(upset.after)
        self.result.signals += upset.signal != "KILL"
        ended.signals.append(upset.signal)
        if upset.signal == "KILL":
            kill()
        elif upset.signal == "INT":
            process.signal(signal.SIGINT)
        else:
            process.signal(signal.SIGSTOP)
            try:
                await asyncio.sleep(upset.stop)
            finally:
                process.signal(signal.SIGCONT)

    # time

    async def _let_go(self) -> None:
        """Whoever holds letters holds them no longer."""
        await asyncio.to_thread(self.queues.show, self.queues.dead, self.held)
        self.held = []

    async def _time_passes(self) -> None:
        """What dead processes held is shown again, and what they wrote is old."""
        for url, holds in self.proxy.holds.items():
            receipts = list(holds.values())
            await asyncio.to_thread(self.queues.show, url, receipts)
        self.proxy.holds.clear()
        if self.files.exists():
            long_ago = time.time() - PASSED
            for path in self.files.iterdir():
                os.utime(path, (long_ago, long_ago))

    async def _shown_later(self) -> None:
        """The hold of a process that died ends while another goes on. An old receipt does nothing to a newer hold."""
        holds = {url: list(each.values()) for url, each in self.proxy.holds.items()}
        self.proxy.holds.clear()
        await asyncio.sleep(self.dice.uniform(1, 2.5))
        for url, receipts in holds.items():
            await asyncio.to_thread(self.queues.show, url, receipts)

    # what is there

    def _unfinished(self) -> list[str]:
        """The runs that can go on, by the names of their journals."""
        if not self.files.exists():
            return []
        found = [path for end in ("journal", "import") for path in self.files.glob(f"*.{end}")]
        return sorted(path.stem for path in found if b'"ended":' not in path.read_bytes().rstrip().rpartition(b"\n")[2])

    async def _evidence(self) -> Evidence:
        scenario = self.scenario
        source = await asyncio.to_thread(self.queues.read, self.queues.dead)
        target = await asyncio.to_thread(self.queues.read, self.queues.work)
        asked = Asked(
            action=scenario.action,
            fifo=scenario.fifo,
            selected=scenario.selected,
            limit=scenario.limit,
            patch=decoded(scenario.patch) if scenario.patch is not None else None,
            keep_order=not scenario.out_of_order,
            rate=float(scenario.rate) if isinstance(scenario.rate, int | float) else None,
            named=scenario.ids is not None,
            refusing=bool(scenario.senseless),
        )
        files = [*self.home.glob("export-*.jsonl"), *self.files.glob("*.jsonl")]
        return Evidence(
            asked,
            self.letters,
            source,
            target,
            self.ended,
            self.proxy.sends,
            {path.name: _lines(path) for path in files if path.name != "audit.jsonl"},
            self._unfinished(),
            began=self.proxy.began,
            faulted=any(each.any for each in scenario.faults) or bool(self.proxy.hurt),
        )


def _lines(path: Path) -> list[Copy]:
    """The messages of a file; one that a killed process did not write whole is none."""
    found: list[Copy] = []
    for text in path.read_bytes().split(b"\n"):
        try:
            line = json.loads(text)
        except ValueError:
            continue
        attributes = {
            name: (
                value["DataType"],
                base64.b64decode(value["BinaryValue"]) if "BinaryValue" in value else value["StringValue"],
            )
            for name, value in line.get("attributes", {}).items()
        }
        found.append(Copy(line["body"], attributes, line.get("system", {}).get("MessageGroupId"), line["message_id"]))
    return found
