"""Everything that exists in a scenario, wired together; `run` lets it happen and hands over what is left."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Any

from stacks import names
from stacks.entry import Consumer, Topology
from tests.simulation import deployed
from tests.simulation.bus import Bus
from tests.simulation.clock import EPOCH, Clock
from tests.simulation.deployed import STAGE
from tests.simulation.evidence import Accepted, Attempt, Death, Evidence
from tests.simulation.faults import Faults, Plan
from tests.simulation.functions import ENABLED, EventSource, Functions
from tests.simulation.invocation import Context, Environment
from tests.simulation.mail import Mails
from tests.simulation.nature import Nature
from tests.simulation.poller import Answered, Poller
from tests.simulation.queues import Queue, Sqs
from tests.simulation.sandbox import Sandbox, Sandboxes
from tests.simulation.scheduler import Scheduler, times
from tests.simulation.tables import Tables
from tests.simulation.vault import Vault
from tests.simulation.wire import Call, Fate, Service, Wire
from tests.simulation.worker import Killed, Worker

COLD = 0.4
"""Seconds of a cold start."""
RUNS_TABLE = "ratings"
"""The table that runs of the sample's schedules write to."""
AWHILE = 60
"""Seconds after which a consumer may have noticed that a service is away."""


class World:
    """`topology` in virtual time under the faults of `plan`: `blocked` says when a queue's policy forbids its rules,
    `stop` from when on schedules of the map run no more."""

    def __init__(
        self,
        topology: Topology,
        plan: Plan,
        sandboxes: Sandboxes,
        *,
        seed: str,
        concurrency: int = 3,
        blocked: Callable[[str, float], bool] = lambda _, __: False,
        log_level: str = "INFO",
        stop: float = 0,
    ) -> None:
        self.topology = topology
        self.clock = Clock()
        self.faults = Faults(plan, Random(f"{seed} faults"), self.clock)
        self.vault = Vault(self.clock, self._allowed)
        self.mails = Mails(self.clock, self._allowed)
        self.queues: dict[str, Queue] = {}
        self.dead_letters: dict[str, Queue] = {}
        self.undelivered: dict[str, Queue] = {}
        self.accepted: list[Accepted] = []
        self.arrived: list[Accepted] = []
        self.attempts: list[Attempt] = []
        self.deaths: list[Death] = []
        self.hours: dict[str, int] = {}
        self.redriven_at: float | None = None
        self.dropped: set[str] = set()
        self.killed: dict[str, str] = {}
        self._paths = deployed.path_patterns(topology)
        self.used: set[tuple[str, str, str]] = set()
        """What was asked for: by which function, by which action, of what."""
        self.invocations = 0
        self.spent = 0
        self._seed = seed
        self._refused = 0
        self._delayed = set(topology.delayed())
        self._stop = stop
        self._log_level = {"LOG_LEVEL": log_level}
        self._outside = os.environ
        self._inside: Sandbox | None = None
        self._random = Random(f"{seed} services")
        self._sandboxes = sandboxes
        self._nature = Nature()
        everyone = (*topology.consumers, deployed.PAUSER)
        self._permissions = {c.function: deployed.permissions(topology, c) for c in everyone}
        self._idle: dict[str, list[Environment]] = {}
        self._environments: dict[int, Environment] = {}
        self._workers: dict[Worker, Environment] = {}
        self.tables = Tables(deployed.table_keys(topology), self.clock, self._random, self._allowed)
        for consumer in topology.consumers:
            self._make_queues(consumer, plan)
        fans = deployed.targets(topology)
        self.fans = {event: queues for (_, event), queues in fans.items()}
        self.bus = Bus(
            {key: [(self.queues[word], self.undelivered[word]) for word in words] for key, words in fans.items()},
            name=self.physical(names.BUS),
            clock=self.clock,
            random=self._random,
            allowed=self._allowed,
            away=lambda: self.faults.away("sqs"),
            blocked=lambda word: blocked(word, self.clock.now),
            undelivered=self._aside,
            duplicates=plan.duplicates / 2,
            heard=partial(_heard, deployed.filters(topology)),
        )
        self.pausing = Queue(
            deployed.PAUSE_QUEUE.name,
            names.queue(STAGE, deployed.PAUSE_QUEUE.name, fifo=True),
            self.clock,
            Random(f"{seed} queue {deployed.PAUSE_QUEUE.name}"),
            fifo=True,
            visibility=6 * deployed.PAUSER.timeout,
            retention=deployed.PAUSE_QUEUE.retention,
        )
        sqs = Sqs({queue.name: queue for queue in (*self.queues.values(), self.pausing)}, self._random, self._allowed)
        sqs.sent = self._came
        self.scheduler = Scheduler(
            clock=self.clock,
            random=Random(f"{seed} scheduler"),
            faults=self.faults,
            allowed=self._allowed,
            group=self.physical(names.PLANS),
            queues={deployed.url(self.topology.queue(word)): queue for word, queue in self.queues.items()},
            came=self._came,
            aside=self._not_sent,
        )
        self._services: dict[str, Service] = {
            "dynamodb": self.tables,
            "sqs": sqs,
            "events": self.bus,
            "mail": self.mails,
            "secrets": self.vault,
            "scheduler": self.scheduler,
        }
        self.pollers = {
            consumer.function: Poller(
                self.queues.get(consumer.function, self.pausing),
                lambda event, answered, c=consumer: self._invoke(c, event, answered),  # type: ignore[misc]
                clock=self.clock,
                random=Random(f"{seed} poller {consumer.function}"),
                batch=consumer.batch,
                window=consumer.window,
                concurrency=min(concurrency, consumer.concurrency or concurrency),
                away=self.faults.away,
                duplicates=plan.duplicates,
                may=partial(self._polls, consumer),
            )
            for consumer in everyone
        }
        self.sources = {
            self.physical(word): EventSource(
                word, self.queues[word].name, self.pollers[word], self.clock, Random(f"{seed} mapping {word}")
            )
            for word in self.queues
        }
        consumers = {self.physical(consumer.function): consumer for consumer in topology.consumers}
        self._services["lambda"] = Functions(
            self.sources,
            lambda name, payload, answered: self._invoke(consumers[name], payload, answered),
            clock=self.clock,
            allowed=self._allowed,
        )

    # What a scenario does.

    def physical(self, word: str) -> str:
        """The physical name of `word`."""
        return names.resource(STAGE, word)

    def has(self, table: str) -> bool:
        """Whether there is a table of that name."""
        return self.physical(table) in self.tables.items

    def store(self, table: str, item: dict[str, Any]) -> None:
        """Store an item in the table of that name."""
        self.tables.write(self.physical(table), item)

    def send(
        self,
        word: str,
        body: str,
        *,
        attributes: dict[str, str],
        group: str | None = None,
        deduplication: str | None = None,
    ) -> None:
        """What a caller sends now; while SQS is away the edge refuses it, and the caller comes again, in order.

        The edge also refuses a `group`, which stands in the path, that its contract does not allow.
        """
        path = self._paths.get(word)
        if path is not None and not re.fullmatch(path, group or ""):
            return
        if self.faults.away("sqs"):
            again = partial(self.send, word, body, attributes=attributes, group=group, deduplication=deduplication)
            self._refused += 1
            self.clock.at(self.faults.back("sqs") + 0.01 * self._refused, again)
            return
        if "deliver_at" in attributes:
            attributes = attributes | {"received_at": str(int((EPOCH + self.clock.now) * 1000))}
        identity, new = self.queues[word].send(body, attributes, group, deduplication)
        if new:
            self.accepted.append(Accepted(self.clock.now, word, identity, body, attributes, group))

    def run(self, until: float) -> Evidence:
        """Let it all happen until then. Raises what went wrong in the simulation itself."""
        for schedule in self.topology.schedules:
            if not schedule.paused:
                queue = self.topology.queue(schedule.queue)
                self.scheduler.runs(schedule, queue, deployed.url(queue), times(schedule, self._stop))
        with self._nature.rules(self._seed), self._sandboxes.connected(self._connect, self._wire):
            try:
                self.clock.run(until)
            finally:
                for worker in list(self._workers):
                    worker.bury()
                for environment in self._environments.values():
                    self._sandboxes.give(environment.function, environment.sandbox)
        return Evidence(
            accepted=self.accepted,
            fans=self.fans,
            history=self.tables.history,
            told=self.bus.told,
            mails=self.mails.sent,
            deaths=self.deaths,
            dead={p.id for queue in (*self.dead_letters.values(), *self.undelivered.values()) for p in queue.waiting},
            left=[
                Accepted(p.sent, word, p.id, p.body, p.attributes, p.group)
                for word, queue in self.queues.items()
                for p in queue.waiting
            ],
            causes={
                key: {name: next(iter(value.values())) for name, value in item.items()}
                for key, item in self.tables.items[self.physical(names.FAILURES)].items()
            },
            killed=self.killed,
            redriven_at=self.redriven_at,
            dropped=self.dropped,
            hours=self.hours,
            unreadable=self._nature.log.unreadable,
            spent=self.spent,
            faults=self.faults.met,
            switched=[one for source in self.sources.values() for one in source.switched],
            off={source.word for source in self.sources.values() if source.state != ENABLED},
            used=self.used,
            arrived=self.arrived,
            waiting=sorted(self.scheduler.once.waiting),
            attempts=self.attempts,
        )

    # How it is wired.

    def _allowed(self, function: str, action: str, resource: str) -> bool:
        self.used.add((function, action, resource))
        return (action, resource) in self._permissions[function]

    def _polls(self, consumer: Consumer, action: str) -> bool:
        queue = self.queues.get(consumer.function, self.pausing)
        return self._allowed(consumer.function, f"sqs:{action}", queue.name)

    def _make_queues(self, consumer: Consumer, plan: Plan) -> None:
        entry = self.topology.queue(consumer.function)
        word = entry.name
        random = Random(f"{self._seed} queue {word}")
        dead = Queue(word, names.dead_letter_queue(STAGE, word, fifo=entry.fifo), self.clock, random, entry.fifo)
        self.dead_letters[word] = dead
        self.undelivered[word] = Queue(word, names.target_dead_letter_queue(STAGE, word), self.clock, random)
        self.queues[word] = Queue(
            word,
            names.queue(STAGE, word, fifo=entry.fifo),
            self.clock,
            random,
            entry.fifo,
            visibility=6 * consumer.timeout + consumer.window,
            retention=entry.retention,
            receives=deployed.most_receives(self.topology, consumer),
            dead_letters=dead,
            duplicates=plan.duplicates,
            shuffled=plan.shuffled,
            died=lambda p: self.deaths.append(Death(self.clock.now, word, p.id, p.body, p.attributes, p.group)),
        )

    def _came(self, queue: Queue, identity: str, said: Mapping[str, Any]) -> None:
        """What a queue took from Scheduler or a function: a run of a schedule, or a message whose time it is."""
        attributes = {name: value["StringValue"] for name, value in said.get("MessageAttributes", {}).items()}
        due = self.clock.now + said.get("DelaySeconds", 0)
        if "run" in attributes:
            self.accepted.append(Accepted(due, queue.word, identity, said["MessageBody"], attributes, None))
        elif queue.word in self._delayed:
            self.arrived.append(Accepted(due, queue.word, identity, said["MessageBody"], attributes, None))

    def _not_sent(self, word: str, error: str, said: Mapping[str, Any]) -> None:
        attributes = {name: value["StringValue"] for name, value in said.get("MessageAttributes", {}).items()}
        aside = self.undelivered["plan_command" if word in self._delayed else word]
        identity, _ = aside.send(said["MessageBody"], attributes)
        self.deaths.append(Death(self.clock.now, word, identity, said["MessageBody"], attributes, None, error))

    def _aside(self, queue: Queue, identity: str, body: str, error: str) -> None:
        self.deaths.append(Death(self.clock.now, queue.word, identity, body, {}, None, error))

    def _invoke(self, consumer: Consumer, event: dict[str, Any], answered: Answered) -> None:
        environment = self._environment(consumer)
        self.invocations += 1
        self.spent += self.faults.stopped(AWHILE)
        name = f"{consumer.function}/{self.invocations}"
        variables = environment.variables

        def body() -> None:
            answer: str | None = None
            alive = False
            try:
                worker.sleep(0.001 if environment.warm else COLD)
                environment.warm = True
                context = Context(worker, variables["AWS_LAMBDA_FUNCTION_NAME"])
                answer = json.dumps(environment.sandbox.handler(json.loads(json.dumps(event)), context))
                alive = worker.dead is None
            except Killed:
                pass
            except Exception:
                alive = worker.dead is None
            self._end(worker, environment, answer if alive else None, answered, alive=alive)

        worker = Worker(
            name,
            consumer.function,
            body,
            clock=self.clock,
            timeout=consumer.timeout + (0 if environment.warm else COLD),
            skew=environment.skew,
            turn=self._turn,
        )
        self._workers[worker] = environment
        worker.resume()

    def _turn(self, worker: Worker | None) -> None:
        self._nature.worker = worker
        environment = self._workers.get(worker) if worker else None
        if self._inside:
            self._inside.leave()
        self._inside = environment.sandbox if environment else None
        if self._inside:
            self._inside.enter()
        os.environ = environment.variables if environment else self._outside  # type: ignore[assignment]  # noqa: B003

    def _end(
        self, worker: Worker, environment: Environment, answer: str | None, answered: Answered, *, alive: bool
    ) -> None:
        del self._workers[worker]
        if worker.error is not None:
            raise worker.error
        if alive:
            self._idle[environment.function].append(environment)
        else:
            self.killed[worker.name] = worker.dead or ""
            del self._environments[id(environment)]
            self._sandboxes.give(environment.function, environment.sandbox)
        # From the scheduler: what follows may start workers, and this one's thread is at its end.
        self.clock.after(0, lambda: answered(answer))

    def _environment(self, consumer: Consumer) -> Environment:
        idle = self._idle.setdefault(consumer.function, [])
        if idle:
            return idle.pop()
        plan = self.faults.plan
        environment = Environment(
            consumer.function,
            self._sandboxes.take(consumer.function, consumer.folder),
            deployed.environment(self.topology, consumer) | deployed.lambdas_own(consumer) | self._log_level,
            self.faults.random.uniform(-plan.skew, plan.skew),
        )
        self._environments[id(environment)] = environment
        return environment

    def _connect(self, service: str, config: Any) -> Any:
        worker = self._nature.worker
        assert worker is not None, "a client is made outside of an invocation"
        return self._workers[worker].sandbox.client(service, config, self._wire())

    def _wire(self) -> Wire:
        return Wire(self._running, self._services, self._fate)

    def _fate(self, call: Call) -> tuple[Call, Fate]:
        table = call.body.get("TableName", "") if call.service == "dynamodb" else ""
        if table.rpartition("-")[2] == RUNS_TABLE:
            self.attempts.append(Attempt(self.clock.now, table, call.text))
        return self.faults.fate(call)

    def _running(self) -> Worker:
        assert self._nature.worker is not None
        return self._nature.worker


def _heard(filters: Mapping[tuple[str, str], Mapping[str, Any]], word: str, kind: str, data: Mapping[str, Any]) -> bool:
    return all(data.get(name) in values for name, values in filters.get((word, kind), {}).items())
