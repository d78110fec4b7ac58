"""Every dead-letter queue of the account and region, ours or not: depths, ages and what sends there."""

from __future__ import annotations

from starlette.responses import Response

from ops.console.asked import Asked
from ops.dead_letters.inventory import inventory
from ops.redrive.command import command


def page(asked: Asked) -> Response:
    """The page; nothing is received for it."""
    desk = asked.desk
    shell = command("dead", "--all", where=desk.where)
    return asked.page("account.html", "account", found=inventory(desk.stage), shell=shell)
