"""`python -m local`: AWS on this machine."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from local import state
from local.errors import LocalError

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


def stop_on_signal(*_: object) -> NoReturn:
    """End as Ctrl-C does, so that everything started is stopped."""
    raise KeyboardInterrupt


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn a `LocalError` into a sentence on standard error and exit code 1."""
    for sign in (signal.SIGINT, signal.SIGTERM):  # also where a shell started it with SIGINT ignored
        signal.signal(sign, stop_on_signal)
    try:
        yield
    except LocalError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]✗[/red] {error}", markup=True)
        raise typer.Exit(1) from None


def narrator() -> Callable[[str], None]:
    """A function that prints a finished step with the seconds since the start."""
    start = time.monotonic()

    def tell(step: str) -> None:
        console.print(f"[green]✓[/green] {step} [dim]{time.monotonic() - start:.1f} s[/dim]")

    return tell


@app.command()
def up(port: Port = 0, emulator_port: EmulatorPort = 0) -> None:
    """Start the local stack and keep it running until Ctrl-C."""
    with one_sentence():
        from local.session import running

        try:
            with running(port=port, emulator_port=emulator_port, told=narrator()) as session:
                console.print()
                console.print(f"  API           {session.state.api_url}")
                console.print(f"  AWS endpoint  {session.state.aws_endpoint_url}")
                console.print("\nTry it:\n")
                print(EXAMPLE.format(api_url=session.state.api_url))
                console.print("\nThen look:  python -m ops queues --stage local")
                console.print("Ctrl-C stops everything.")
                session.wait()
        except KeyboardInterrupt:
            console.print("\nStopped.")


EXAMPLE = """  curl -i {api_url}/v1/orders -H 'Content-Type: application/json' -d \\
    '{{"order_id": "ord-1001", "customer_email": "ada@example.com", "currency": "EUR",
      "lines": [{{"sku": "tea-500g", "quantity": 2, "unit_price": 900}}]}}'"""


@app.command()
def deploy() -> None:
    """Deploy the working tree's code and stacks to the running local stack."""
    with one_sentence():
        from local.deployment import deploy as redeploy

        found = state.read()
        start = time.monotonic()
        with console.status("cdk deploy --all"):
            redeploy(state.HOME, found.aws_endpoint_url)
        console.print(f"[green]✓[/green] stacks deployed [dim]{time.monotonic() - start:5.1f} s[/dim]")


@app.command()
def demo() -> None:
    """Show one order's whole life, a dead letter and its redrive, then stop everything."""
    with one_sentence():
        from local.demo import show

        try:
            kept = show(console)
        except KeyboardInterrupt:
            console.print("\nStopped.")
            raise typer.Exit(130) from None
    if not kept:
        sys.exit(1)


if __name__ == "__main__":
    app(prog_name="python -m local")
