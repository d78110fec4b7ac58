"""The commands of `python -m local`: AWS on this machine."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console

from local import state
from local.errors import one_sentence
from local.invitation import invitation
from stacks.entry import Topology

app = typer.Typer(
    help="AWS on this machine: the emulator, the real cdk deploy, and our gateway.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
console = Console(highlight=False)
Port = Annotated[int, typer.Option(help="The gateway's port; 0 picks a free one.", min=0, max=65535)]
EmulatorPort = Annotated[int, typer.Option(help="The emulator's port; 0 picks a free one.", min=0, max=65535)]


@dataclass(frozen=True)
class Door:
    """What a program hands in that starts these commands: what the stack has, and how it is made."""

    topology: Topology
    module: str = "local"
    """The program itself, as `python -m` starts it."""
    operator: str = "ops"
    """The program of the operator's commands for that topology, likewise."""
    cdk_app: str | None = None
    """The command that synthesizes the topology, where it is not that of cdk.json."""


def narrator() -> Callable[[str], None]:
    """A function that prints a finished step with the seconds since the start."""
    start = time.monotonic()

    def tell(step: str) -> None:
        console.print(f"[green]✓[/green] {step} [dim]{time.monotonic() - start:.1f} s[/dim]")

    return tell


@app.command()
def up(context: typer.Context, port: Port = 0, emulator_port: EmulatorPort = 0) -> None:
    """Start the local stack, and keep it running and in step with what you save until Ctrl-C."""
    door = context.find_object(Door) or Door(Topology())
    with one_sentence():
        from local.session import running
        from local.watch import Watch

        try:
            with running(
                door.topology, app=door.cdk_app, port=port, emulator_port=emulator_port, told=narrator()
            ) as session:
                console.print()
                console.print(f"  API           {session.state.api_url or 'none: no integration has a route yet'}")
                console.print(f"  AWS endpoint  {session.state.aws_endpoint_url}")
                for line in invitation(door.topology, session.state.api_url):
                    console.print(line, soft_wrap=True, markup=False)
                console.print(f"\nThen look:  python -m {door.operator} queues --stage local")
                console.print(f'For aws and boto3:  eval "$(python -m {door.module} env)"\n')
                Watch(session, package=door.topology.package, module=door.module, console=console).run()
        except KeyboardInterrupt:
            console.print("\nStopped.")


@app.command()
def env() -> None:
    """Print what a shell exports to reach the running stack with any client of AWS: eval "$(python -m local env)"."""
    with one_sentence():
        variables = state.read().endpoint.variables()
        typer.echo("unset AWS_PROFILE AWS_SESSION_TOKEN")
        for name, value in variables.items():
            typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def mails(word: Annotated[str, typer.Argument(help="Only those with this in subject or text.")] = "") -> None:
    """Print the e-mails that the running stack sent, as JSON; nothing leaves this machine."""
    with one_sentence():
        from local.mailbox import mails as sent

        typer.echo(json.dumps(sent(state.read().endpoint, word), indent=2, ensure_ascii=False, default=str))


@app.command()
def deploy(context: typer.Context) -> None:
    """Deploy the working tree's code and stacks to the running local stack."""
    door = context.find_object(Door) or Door(Topology())
    with one_sentence():
        from local.deployment import deploy as redeploy
        from local.handlers import check
        from local.seed import seed, tables

        endpoint = state.read().endpoint
        start = time.monotonic()
        check(door.topology.module(consumer.function) for consumer in door.topology.consumers)
        before = tables(endpoint)
        with console.status("cdk deploy --all"):
            redeploy(state.HOME, endpoint, door.cdk_app)
        seed(door.topology, endpoint, before=before)
        console.print(f"[green]✓[/green] stacks deployed [dim]{time.monotonic() - start:5.1f} s[/dim]")
