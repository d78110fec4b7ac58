"""The words that a shell completes: queues, integrations, stages and causes, from the map alone, without any AWS.

Where a shell asks for one of these, it is answered here, before the command is imported, which takes a second; what
else it asks for is answered by the command itself, in the same form.
https://typer.tiangolo.com/tutorial/options-autocompletion/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stacks import feeds, names
from stacks.entry import Topology
from stacks.events import key, known
from stacks.schedule import VERBS

CAUSES = ("unexplained", "Reject", "GroupBlocked", "NotAttempted", "GroupParked", "WorkerDied", "service away")
"""How causes begin that consumers record."""


def queues(topology: Topology) -> list[str]:
    """The words of work queues, of their dead-letter queues, and of those of undelivered events."""
    work = [queue.name for queue in topology.queues]
    missed = [*topology.fed_by_events(), *topology.scheduled()]
    return [*work, *(f"{word}-dlq" for word in work), *(f"{word}-undelivered" for word in missed)]


def integrations(topology: Topology) -> list[str]:
    """The integrations."""
    return [each.name for each in topology.integrations]


def stages(topology: Topology) -> list[str]:
    """The stages of cdk.json."""
    return list(names.STAGES)


def causes(topology: Topology) -> list[str]:
    """The names of causes."""
    return list(CAUSES)


def schedules(topology: Topology) -> list[str]:
    """The schedules, and what is done with one."""
    return [*(each.name for each in topology.schedules), *VERBS]


def routes(topology: Topology) -> list[str]:
    """The paths of routes, those of each sender, and of what can be read."""
    from ops.send.target import targets  # here, so that no other word waits for it

    return list(dict.fromkeys(each.path for each in targets(topology)))


def limited(topology: Topology) -> list[str]:
    """The consumers that have limits."""
    return [each.function for each in topology.consumers if each.limits]


def events(topology: Topology) -> list[str]:
    """The events and commands of the catalogue."""
    return [*map(key, known(topology)), *(each.__name__ for each in feeds.commands(topology))]


Words = Callable[[Topology], list[str]]
OPTIONS: dict[str, Words] = {"--stage": stages, "--cause": causes, "--queue": queues, "--to": queues}
ARGUMENTS: dict[str, Words] = {
    **dict.fromkeys(("peek", "parked", "redrive", "status", "cancel", "export", "drop", "import"), queues),
    "retire": integrations,
    "schedules": schedules,
    "send": routes,
    "limits": limited,
    "events": events,
}
"""What the first argument of a command is."""


def answer(environment: Mapping[str, str], variable: str, topology: Topology) -> str | None:
    """What a shell is to be told; None where it asks for something else than these words."""
    shell = environment.get(variable, "").removeprefix("complete_")
    if shell == "bash":
        try:
            line = environment["COMP_WORDS"].split("\n")[: int(environment["COMP_CWORD"]) + 1]
        except (KeyError, ValueError):
            return None
        line = line if len(line) > int(environment["COMP_CWORD"]) else [*line, ""]
    elif shell in ("zsh", "fish"):
        line = environment.get("_TYPER_COMPLETE_ARGS", "").split(" ")
    else:
        return None
    *before, begun = line
    if len(before) < 2 or begun.startswith("-") or any(sign in "".join(line) for sign in "'\"\\"):
        return None
    asked = OPTIONS.get(before[-1]) or (ARGUMENTS.get(before[1]) if len(before) == 2 else None)
    found = [word for word in asked(topology) if word.startswith(begun)] if asked is not None else []
    if not found or (shell == "fish" and environment.get("_TYPER_COMPLETE_FISH_ACTION") != "get-args"):
        return None
    if shell == "zsh":
        listed = "\n".join(f'"{word}"' for word in found)
        return f"_arguments '*: :(({listed}))'"
    return "\n".join(found)
