"""Physical names: the word from the topology, in the stage it belongs to.

Names are fixed, so that the operator's command finds a queue without asking CloudFormation.
"""

from __future__ import annotations

PROJECT = "headrace"
LONGEST_STAGE = 8
"""Letters of a stage's name, at the most: with them every name that the rules of `stacks.entry` allow fits."""


def resource(stage: str, word: str) -> str:
    """The physical name of a table, function, bus or stack: `headrace-dev-accept_order`."""
    return f"{PROJECT}-{stage}-{word}"


def queue(stage: str, word: str, *, fifo: bool = False) -> str:
    """The physical name of a queue; SQS wants `.fifo` at the end of a FIFO queue's name."""
    return resource(stage, word) + (".fifo" if fifo else "")


def dead_letter_queue(stage: str, word: str, *, fifo: bool = False) -> str:
    """The physical name of the dead-letter queue of `word`."""
    return queue(stage, f"{word}-dlq", fifo=fifo)


def target_dead_letter_queue(stage: str, word: str) -> str:
    """The queue for events that EventBridge could not deliver to the queue `word`. Always standard."""
    return queue(stage, f"{word}-undelivered")


def rule(stage: str, queue_word: str, event: str) -> str:
    """The physical name of the rule that brings an event to a queue: `headrace-dev-ship_order-on-StockReserved`."""
    return resource(stage, f"{queue_word}-on-{event}")
