"""An execution environment of Lambda: a process of its own, as far as a function can tell.

Every sandbox has its own copy of the runtime's and the function's modules, so that what one keeps in memory (a secret,
a client, a breaker) no other sees, and what dies with a worker is gone. Copies are costly to make; a used one is put
back to what it was after its import instead.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

import botocore.session
from botocore.retries.quota import RetryQuota

from functions.contracts.pause import PAUSE_CONSUMER
from stacks.entry import PLATFORMS
from tests.simulation.line import Line
from tests.simulation.wire import Wire

OWN = "functions.runtime"
LATE = tuple(f"functions.runtime.{each}" for each in ("deaths", "fibers", "limit", "overlap", "park", "plans", "probe"))
"""Modules that others import only when they need them."""
Alter = Callable[[str, dict[str, ModuleType]], None]


class Sandbox:
    """One function's execution environment: `modules` by name, of which `handler` is what Lambda calls."""

    def __init__(self, package: str, function: str, clients: Clients, alter: Alter) -> None:
        self._clients = clients
        self._used: list[tuple[str, Any]] = []
        self._outside: dict[str, ModuleType] = {}
        # A function of the platform's own stands in `functions`, wherever the topology's are.
        own = (OWN, f"{package}.{function}", f"functions.{function}")
        with patch("botocore.session.get_session", lambda: clients.session):
            self.modules = _copies(own, f"{package}.{function}.handler")
        self.modules[f"{OWN}.aws.service"].Connection = Line  # type: ignore[attr-defined]
        alter(function, self.modules)
        self.handler: Callable[[Any, Any], Any] = self.modules[f"{package}.{function}.handler"].handler
        self._memory = [_Memory(module) for module in self.modules.values()]

    def enter(self) -> None:
        """Let what is imported now be this sandbox's own."""
        self._outside = {name: sys.modules[name] for name in self.modules}
        sys.modules.update(self.modules)

    def leave(self) -> None:
        """Let what is imported be the process's own again."""
        sys.modules.update(self._outside)

    def client(self, service: str, config: Any, wire: Wire) -> Any:
        """A client of botocore that talks by `wire`."""
        key = f"{service} {getattr(config, '_user_provided_options', None)}"
        client = self._clients.take(key, service, config)
        client._endpoint.http_session = wire
        wire.connect_timeout = client.meta.config.connect_timeout
        wire.read_timeout = client.meta.config.read_timeout
        self._used.append((key, client))
        return client

    def forget(self) -> None:
        """Be as new as after a cold start."""
        for memory in self._memory:
            memory.restore()
        for key, client in self._used:
            self._clients.give(key, client)
        self._used.clear()


class Clients:
    """botocore's real clients, used again because making one takes as long as a batch."""

    def __init__(self) -> None:
        self.session = botocore.session.Session()
        self._create = botocore.session.Session.create_client
        self._free: dict[str, list[Any]] = {}
        self._quotas: dict[int, list[RetryQuota]] = {}
        self._heard: dict[int, list[tuple[str, Any]]] = {}

    def take(self, key: str, service: str, config: Any) -> Any:
        """A client whose retry quota is full."""
        free = self._free.setdefault(key, [])
        if free:
            return free.pop()
        quotas: list[RetryQuota] = []

        class Quota(RetryQuota):  # type: ignore[misc]
            def __init__(self, *arguments: Any, **named: Any) -> None:
                super().__init__(*arguments, **named)
                quotas.append(self)

        with patch("botocore.retries.quota.RetryQuota", Quota):
            client = self._create(
                self.session,
                service,
                region_name="eu-central-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=config,
            )
        self._quotas[id(client)] = quotas
        self._listen(client)
        return client

    def _listen(self, client: Any) -> None:
        """Remember who listens to the client, because the next sandbox's are others."""
        register = client.meta.events.register

        def heard(event: str, handler: Any, *arguments: Any, **named: Any) -> None:
            self._heard.setdefault(id(client), []).append((event, handler))
            register(event, handler, *arguments, **named)

        client.meta.events.register = heard

    def give(self, key: str, client: Any) -> None:
        """Take a client back."""
        for quota in self._quotas[id(client)]:
            quota._available_capacity = quota._max_capacity
        for event, handler in self._heard.pop(id(client), []):
            client.meta.events.unregister(event, handler)
        self._free[key].append(client)


class Sandboxes:
    """All that were made in this process, by function; `alter` changes the modules of each new one."""

    def __init__(self, package: str, alter: Alter = lambda _, __: None) -> None:
        self._package = package
        self._alter = alter
        self.clients = Clients()
        self._free: dict[str, list[Sandbox]] = {}

    def take(self, function: str, folder: str | None = None) -> Sandbox:
        """A cold one of the function, whose handler is in the folder of its name unless another is said."""
        free = self._free.setdefault(function, [])
        if free:
            return free.pop()
        if function == PAUSE_CONSUMER:  # the platform's own, which nobody alters
            return Sandbox("functions", function, self.clients, lambda _, __: None)
        if (folder or function) in PLATFORMS:
            return Sandbox("functions", folder or function, self.clients, self._alter)
        return Sandbox(self._package, function, self.clients, self._alter)

    def give(self, function: str, sandbox: Sandbox) -> None:
        """Give one back, whose memory is lost."""
        sandbox.forget()
        self._free[function].append(sandbox)

    @contextmanager
    def connected(self, connect: Callable[[str, Any], Any], wire: Callable[[], Wire]) -> Iterator[None]:
        """Let who makes a client of botocore get it from `connect`, by service and config, and ours talk by `wire`."""

        def create_client(_: Any, service_name: str, *__: Any, config: Any = None, **___: Any) -> Any:
            return connect(service_name, config)

        line = patch.object(Line, "wire", staticmethod(wire), create=True)
        with line, patch.object(botocore.session.Session, "create_client", create_client):
            yield


class _Memory:
    """What a module's names stood for after its import, and what was in them."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._names = dict(vars(module))
        own = [value for name, value in self._names.items() if not name.startswith("__")]
        self._content = [(value, value.copy()) for value in own if isinstance(value, dict | list | set)]
        self._caches = [value for value in own if hasattr(value, "cache_clear")]
        self._objects = [
            (value, dict(vars(value)))
            for value in own
            if type(value).__module__.startswith((OWN, module.__name__)) and hasattr(value, "__dict__")
        ]

    def restore(self) -> None:
        vars(self._module).clear()
        vars(self._module).update(self._names)
        for value, content in self._content:
            value.clear()
            value.extend(content) if isinstance(value, list) else value.update(content)
        for cache in self._caches:
            cache.cache_clear()
        for thing, attributes in self._objects:
            vars(thing).clear()
            vars(thing).update(attributes)


def _copies(packages: tuple[str, ...], name: str) -> dict[str, ModuleType]:
    """Modules of `packages` imported anew for `name`, which the rest of the process does not see."""
    for each in (name, *LATE):
        importlib.import_module(each)
    before = _within(sys.modules, packages)
    tops = [each for each in packages if each in before]
    parents = {each: (sys.modules[each.rpartition(".")[0]], each.rpartition(".")[2]) for each in tops}
    for each in before:
        del sys.modules[each]
    try:
        for each in (name, *LATE):
            importlib.import_module(each)
        return _within(sys.modules, packages)
    finally:
        for each in _within(sys.modules, packages):
            del sys.modules[each]
        sys.modules.update(before)
        for each, (parent, attribute) in parents.items():
            setattr(parent, attribute, before[each])


def _within(modules: Mapping[str, ModuleType], packages: tuple[str, ...]) -> dict[str, ModuleType]:
    return {
        name: module
        for name, module in sorted(modules.items())
        if any(name == package or name.startswith(f"{package}.") for package in packages)
    }
