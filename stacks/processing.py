"""Where requests become work: the queues that routes feed, and their consumers."""

from __future__ import annotations

from constructs import Construct

from stacks.entry import Topology
from stacks.parts.python_code import PythonCode
from stacks.parts.queue_consumer import QueueConsumer
from stacks.parts.stage_stack import StageStack
from stacks.parts.work_queue import WorkQueue
from stacks.settings import Settings


class Processing(StageStack):
    """A queue and a consumer for every queue that a route feeds. `queues` holds them by the topology's names."""

    def __init__(self, scope: Construct, *, settings: Settings, topology: Topology) -> None:
        super().__init__(scope, "processing", settings=settings, description="Headrace: requests become work.")
        code = PythonCode(self, settings=settings)
        self.queues: dict[str, WorkQueue] = {}
        for consumer in topology.workers():
            queue = WorkQueue(self, entry=topology.queue(consumer.function), consumer=consumer, settings=settings)
            QueueConsumer(self, entry=consumer, queue=queue, code=code, settings=settings)
            self.queues[queue.entry.name] = queue
