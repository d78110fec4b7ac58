"""Judges a run by what was put in and what is there: it knows SQS and what the command promises, none of its code.

What the command may change on a message: its own stamp `redriven` and, on a FIFO queue's, `deduplication_id`; and the
body where an edit was asked for.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.redrive_fuzz.evidence import Copy, Ended, Evidence, Letter

ROOT = Path(__file__).resolve().parents[2]
STAMPS = {"redriven", "deduplication_id"}
BLINK = 1.0
"""Seconds before a kill in which the process may not have had the time to write down what it was told."""
BURST = 20
"""Messages by which any span of time may be over the rate: two batches,"""
LAG = 1.0
"""and seconds for which a busy machine may keep back what is due; the first sends wait for more than that."""
TALK = ("Traceback (most recent call last)", "was never retrieved", "Unclosed ", "never awaited", "Exception ignored")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, by its kind."""

    kind: str
    words: str


def decoded(text: str) -> Any:
    """JSON with its numbers as they were written."""
    return json.loads(text, parse_float=lambda number: Decimal(number).as_tuple(), parse_constant=_refused)


def _refused(name: str) -> Any:
    raise ValueError(name)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def editable(body: str) -> bool:
    """Whether a merge patch can be applied to that body."""
    try:
        return isinstance(decoded(body), dict)
    except (ValueError, RecursionError):
        return False


def judged(evidence: Evidence) -> list[Finding]:
    """What is wrong; nothing where all is well."""
    return _Judge(evidence).found()


class _Judge:
    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.asked = evidence.asked
        self.by_key = {letter.key: letter for letter in evidence.letters}
        self._finder = re.compile(r"k-[0-9]+-[0-9]+-z")
        self.findings: list[Finding] = []

    def say(self, kind: str, words: str) -> None:
        self.findings.append(Finding(kind, words))

    def found(self) -> list[Finding]:
        self._processes()
        kept = self._identified(self.evidence.source, "the dead-letter queue", edited=False)
        edits = self.asked.patch is not None
        there = self._identified(self.evidence.target, "the destination", edited=edits)
        filed = {
            key
            for name, copies in self.evidence.files.items()
            for key in self._identified(copies, name, edited=False, stamps=False)
        }
        self._lost(kept, there, filed)
        self._selected(there, filed, kept)
        self._twice(there)
        self._both(kept, there)
        if self.asked.fifo:
            self._order(kept, there)
        self._limit(there, kept, filed)
        self._rate()
        self._codes(kept, there, filed)
        self._ended()
        self._originals(there)
        return self.findings

    # who is who

    def _identified(self, copies: list[Copy], place: str, *, edited: bool, stamps: bool = True) -> Counter[str]:
        """How often each letter is there; says which of them is not as it was, or as the edit makes it."""
        seen: Counter[str] = Counter()
        for copy in copies:
            keys = set(self._finder.findall(copy.body))
            letter = self.by_key.get(next(iter(keys))) if len(keys) == 1 else None
            if letter is None:
                self.say("altered", f"{place} has a message that nobody put in: {copy.body[:80]!r}")
                continue
            seen[letter.key] += 1
            if not self._same_body(letter, copy, edited=edited):
                self.say("altered", f"the body of {letter.key} in {place} is not what it must be: {copy.body[:120]!r}")
            self._same_attributes(letter, copy, place, stamps=stamps)
        return seen

    def _same_body(self, letter: Letter, copy: Copy, *, edited: bool) -> bool:
        if not edited:
            return copy.body == letter.body
        try:
            return _equal(decoded(copy.body), merged(decoded(letter.body), self.asked.patch))
        except ValueError:
            return False

    def _same_attributes(self, letter: Letter, copy: Copy, place: str, *, stamps: bool) -> None:
        extra = copy.attributes.keys() - letter.attributes.keys() - (STAMPS if stamps else set())
        changed = {
            name
            for name, value in letter.attributes.items()
            if copy.attributes.get(name) != value and not (stamps and name == "redriven")
        }
        if extra or changed:
            self.say(
                "altered", f"attributes of {letter.key} in {place}: {sorted(extra)} added, {sorted(changed)} changed"
            )
        if letter.group != copy.group:
            self.say("altered", f"{letter.key} in {place} is of group {copy.group}, and was of {letter.group}")

    # what became of them

    def _lost(self, kept: Counter[str], there: Counter[str], filed: set[str]) -> None:
        drops = any(each.arguments[0] == "drop" for each in self.evidence.processes)
        saved = filed if drops else set()
        lost = [key for key in self.by_key if not kept[key] and not there[key] and key not in saved]
        if lost:
            self.say("lost", f"{len(lost)} are nowhere: {lost[:5]}")

    @property
    def _meant(self) -> set[str]:
        """Who is meant and can be done what was asked."""
        meant = self.asked.selected
        if self.asked.patch is not None:
            meant = {key for key in meant if editable(self.by_key[key].body)}
        return meant

    @property
    def expected(self) -> set[str]:
        """Who should be gone in the end, but for the limit: on FIFO of each group those before the first that stays."""
        meant = self._meant
        if not (self.asked.fifo and self.asked.keep_order and self.asked.action == "redrive"):
            return meant
        stuck: set[str | None] = set()
        passed: set[str] = set()
        for letter in sorted(self.evidence.letters, key=lambda each: each.number):
            if letter.group in stuck:
                continue
            if letter.key in meant:
                passed.add(letter.key)
            else:
                stuck.add(letter.group)
        return passed

    def _selected(self, there: Counter[str], filed: set[str], kept: Counter[str]) -> None:
        touched = set(there) | {key for key in self.by_key if not kept[key]}
        if self.asked.action in ("drop", "export"):
            touched |= filed
        if self.asked.action == "export" and not set(kept) >= set(self.by_key):
            self.say("selected wrongly", "an export took messages out of the queue")
        if self.asked.refusing:
            if touched:
                self.say("selected wrongly", f"a command that makes no sense moved {len(touched)}")
            return
        wrong = touched - self.expected
        if wrong:
            not_meant = sorted(wrong - self.asked.selected)
            kind = "selected wrongly" if not_meant else "disordered"
            self.say(kind, f"{len(wrong)} were taken and should not: {(not_meant or sorted(wrong))[:5]}")

    def _unanswered(self) -> Counter[str]:
        """By body how many sends reached SQS whose process did not hear it, or had no time to write it down."""
        killed = {each.process: each.killed for each in self.evidence.processes if each.killed is not None}
        return Counter(
            send.body
            for send in self.evidence.sends
            if send.answered is None
            or (not send.heard and send.process in killed and killed[send.process] - send.answered < BLINK)
        )

    def _copies(self) -> Counter[str]:
        return Counter(copy.body for copy in self.evidence.target)

    def _twice(self, there: Counter[str]) -> None:
        unanswered = self._unanswered()
        more = 0
        for body, count in self._copies().items():
            if count > 1 and (self.asked.fifo or count > 1 + unanswered[body]):
                self.say("duplicated", f"{count} of {body[:60]!r} are there, {unanswered[body]} sends had no answer")
            more += count - 1
        killed = any(each.killed is not None for each in self.evidence.processes)
        admitted = sum(int((_answer(each) or {}).get("maybe_twice", 0)) for each in self.evidence.processes)
        if more > admitted and not killed and not self.asked.fifo:
            self.say("duplicated", f"{more} are there twice, and the reports admit {admitted}")

    def _both(self, kept: Counter[str], there: Counter[str]) -> None:
        """What a process was told that it is there may not be left in the dead-letter queue, unless it says so."""
        if self.asked.action != "redrive" or self.evidence.unfinished:
            return
        unanswered = self._unanswered()
        sends = Counter(send.body for send in self.evidence.sends)
        bodies = {self._key(copy): copy.body for copy in self.evidence.target}
        both = [key for key in there if kept[key] and sends[bodies[key]] > unanswered[bodies[key]]]
        if both:
            self.say("left in both", f"{len(both)} were confirmed and are dead letters too: {both[:5]}")

    def _key(self, copy: Copy) -> str:
        return next(iter(self._finder.findall(copy.body)), "")

    def _order(self, kept: Counter[str], there: Counter[str]) -> None:
        latest: dict[str | None, int] = {}
        for copy in self.evidence.target:
            letter = self.by_key.get(self._key(copy))
            if letter is None:
                continue
            if letter.number <= latest.get(letter.group, -1):
                self.say("disordered", f"{letter.key} comes after a later one of its group {letter.group}")
                return
            latest[letter.group] = letter.number
        if self.asked.action == "redrive" and self.asked.keep_order:
            for letter in self.evidence.letters:
                if not there[letter.key] and letter.number < latest.get(letter.group, -1):
                    self.say("disordered", f"{letter.key} stayed, and a later one of its group {letter.group} went")
                    return

    def _limit(self, there: Counter[str], kept: Counter[str], filed: set[str]) -> None:
        if self.asked.limit is None:
            return
        unanswered = self._unanswered()
        if self.asked.action == "redrive":
            sends = Counter(send.body for send in self.evidence.sends)
            sure = {self._key(copy) for copy in self.evidence.target if sends[copy.body] > unanswered[copy.body]}
        else:
            sure = {key for key in self.by_key if not kept[key]}
        # A drop or export that was killed is asked again, and takes as many again.
        times = 1 if self.asked.action == "redrive" else len(self.evidence.processes)
        if len(sure) > self.asked.limit * times:
            self.say("limit exceeded", f"{len(sure)} were taken, {self.asked.limit} were asked for")

    def _rate(self) -> None:
        rate = self.asked.rate
        if rate is None or self.evidence.faulted:
            return
        for process in {send.process for send in self.evidence.sends}:
            times = sorted(send.at for send in self.evidence.sends if send.process == process)
            lag = LAG + max(times[0] - self.evidence.began.get(process, times[0]), 0)
            for first, start in enumerate(times):
                for last in range(first + BURST, len(times)):
                    if last - first + 1 > rate * (times[last] - start + lag) + BURST:
                        spent = times[last] - start
                        self.say(
                            "rate exceeded", f"{last - first + 1} in {spent:.2f} s, {rate} a second were asked for"
                        )
                        return

    # what it said

    def _processes(self) -> None:
        for each in self.evidence.processes:
            said = " ".join(each.arguments)
            for words in TALK if self._began(each) else ():
                if words in each.err or words in each.out:
                    self.say("traceback", f"{said}: {each.err[-600:]}")
                    break
            if each.killed is not None:
                continue
            if each.code not in range(6) and self._began(each):
                self.say("exit code", f"{said} ended with {each.code}: {each.err[-300:]}")
            if self.asked.json and self._began(each) and _answer(each) is None:
                self.say("json", f"{said} said with {each.code} what is no JSON: {each.out[:200]!r} {each.err[:300]!r}")

    @staticmethod
    def _began(each: Ended) -> bool:
        """Whether the command had begun when it was interrupted: Python's own start is not its."""
        return "INT" not in each.signals or f"{ROOT}/ops" in each.err or not each.err.strip()

    def _codes(self, kept: Counter[str], there: Counter[str], filed: set[str]) -> None:
        last = self.evidence.processes[-1]
        if last.killed is not None:
            self.say("never ended", "the last process was killed")
            return
        if self.asked.refusing:
            if last.code != 2:
                self.say("exit code", f"{last.code} for a command that makes no sense")
            return
        gone = {key for key in self.by_key if (not kept[key] or there[key])}
        if self.asked.action == "export":
            gone = filed
        missing = self.asked.selected - gone
        allowed = self.asked.limit is not None and len(gone & self.asked.selected) >= self.asked.limit
        if last.code == 0 and missing and not allowed:
            self.say("exit code", f"0, and {len(missing)} that are meant are not done: {sorted(missing)[:5]}")
        # Whether who was not shown is meant nobody can say, unless the ids of all that are meant were named.
        unseen = int((_answer(last) or {}).get("locked", 0)) > 0 and bool(kept) and not self.asked.named
        if last.code == 3 and not missing and not allowed and not unseen:
            self.say("exit code", f"3, and everything that is meant is done: {last.out[:400]}")
        if last.code in (1, 2):
            self.say("exit code", f"{last.code} at the end: {last.out[:300]} {last.err[:300]}")
        if last.code == 4:
            self.say("exit code", f"4, and nothing came back: {last.err[:300]}")
        if last.code == 0 and not allowed and self.expected - gone:
            self.say(
                "kept",
                f"{len(self.expected - gone)} are meant, can go and were kept: {sorted(self.expected - gone)[:5]}",
            )
        if last.code == 3 and self.expected - gone and not allowed:
            self._reasons(last, len(self.asked.selected - gone))

    def _reasons(self, last: Ended, missing: int) -> None:
        """Who stays stays for a reason that is told."""
        answer = _answer(last) or {}
        tally = answer.get("tally", {})
        told = sum(tally.get("refused", {}).values()) + sum(
            tally.get(name, 0) for name in ("group_blocked", "late", "lapsed", "came_back")
        )
        told += sum(int(answer.get(name, 0)) for name in ("locked", "in_flight", "unfit", "late"))
        told += len(answer.get("refused", {})) + max(answer.get("matched", 0) - answer.get("deleted", 0), 0)
        if told < missing:
            self.say("kept", f"{missing} that are meant stay, and reasons are told for {told}")

    def _ended(self) -> None:
        last = self.evidence.processes[-1]
        if last.code == 5:
            self.say(
                "never ended",
                f"still 5 after {len(self.evidence.processes)} processes: {last.out[:200]} {last.err[:400]}",
            )
        elif self.evidence.unfinished:
            self.say("never ended", f"{last.code}, and can go on: {self.evidence.unfinished}")
        undeleted = int((_answer(last) or {}).get("undeleted", 0))
        if undeleted and last.code not in (4, 5):
            self.say("undeleted", f"{undeleted} are not deleted, and it ended with {last.code}")

    def _originals(self, there: Counter[str]) -> None:
        """What was edited is kept as it was."""
        if self.asked.patch is None:
            return
        kept = {key for copies in self.evidence.files.values() for key in map(self._key, copies)}
        if missing := set(there) - kept:
            self.say(
                "original lost",
                f"{len(missing)} were edited, and their originals are in no file: {sorted(missing)[:5]}",
            )


def _equal(one: Any, other: Any) -> bool:
    """Equal, and of one type: 1 is not true."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return type(one) is type(other) and bool(one == other)


def _answer(each: Ended) -> Any:
    """What it said in JSON: the answer, or the error where there is none."""
    for text in (each.out, each.err):
        if text.strip():
            try:
                return json.loads(text)
            except ValueError:
                return None
    return None
