"""What the simulation shows that does not hold yet: one line a gap, to be taken out as it is closed.

`python -m tests.simulation` runs every kind, counts what is listed here as a known gap, and says when a run no longer
shows one. Nothing is left out because of it: a known gap is run, counted and told like everything else.
"""

from __future__ import annotations

OUTAGE = "issue 10, item 1: an outage kills good messages, without a cause"
CAUSE = "issue 10, item 2: the true cause is lost"
ONCE = "issue 10, item 3: a record that once() could not write blocks its message until it dies, or repeats its mail"
PARK = "issue 10, item 4: a group goes on without its dead head"
FOLLOWERS = "issue 10, item 5: followers die unattempted behind several heads"
TIME = "issue 10, item 6: what was not attempted for lack of time spends its receives"
HOT = "issue 10, item 7: transactions on one item conflict until their messages die"
DEADLINE = "issue 10, item 11: the alarm is swallowed, and the batch runs into Lambda's timeout"

_AWAY = ("tables away", "bus away", "mail away", "secrets away", "all away")
_MAILED = ("throttle", "lost answer", "storm", "mail")

GAPS: dict[tuple[str, str], str] = {
    **{(kind, "died"): OUTAGE for kind in _AWAY},
    **{(kind, "dead_though_done"): OUTAGE for kind in _AWAY if kind != "secrets away"},
    **{(kind, "unexplained"): OUTAGE for kind in ("tables away", "all away", "redriven", "parked")},
    **{(kind, "timed_out"): DEADLINE for kind in ("tables away", "all away", "jammed")},
    ("cause", "unexplained"): CAUSE,
    ("deadly", "unexplained"): CAUSE,
    **{(kind, promise): ONCE for kind in _MAILED for promise in ("died", "dead_though_done")},
    ("mail", "doubled"): ONCE,
    ("parked", "reordered"): PARK,
    **{("many heads", promise): FOLLOWERS for promise in ("died", "unattempted", "unexplained")},
    **{("slow", promise): TIME for promise in ("died", "unattempted")},
    ("hot", "died"): HOT,
}
"""By kind and promise, why it does not hold."""
