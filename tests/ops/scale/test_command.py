"""`ops scale` on the screen and for programs, and what it says of what makes no sense."""

from __future__ import annotations

import json
import re
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from ops.cli.app import app
from ops.cli.capacity import capacity, figure, used
from ops.cli.screen import out
from ops.cost.prices import Prices
from stacks import names
from stacks.entry import Topology
from tests.ops.scale.places import PROD, scaling
from tests.sample.topology import SAMPLE


def run(*words: str, topology: Topology = SAMPLE, columns: int = 120) -> str:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(out, "_width", columns)  # whoever imported it first has decided otherwise
        done = CliRunner().invoke(app, ["scale", *words], obj=topology)
    assert done.exit_code == 0, done.output
    return done.output


def answer(*words: str) -> Any:
    return json.loads(run(*words, "--json"))


def refused(*words: str) -> str:
    done = CliRunner().invoke(app, ["scale", *words], obj=SAMPLE)
    assert done.exit_code == 2, done.output
    return " ".join(done.output.split())


def test_it_prints_sentences_hops_and_months_with_everything_they_rest_on() -> None:
    shown = run("--rate", "1000")
    for word in (
        f"1,000 a second through each path alone, stage {names.STAGES[-1]}, us-east-1, quotas read on 2026-11-26",
        "POST /v1/tickets: e-mail in SES's sandbox binds first, at 0.0023 a second.",
        "close_ticket on TicketChanged",
        "Consumer.concurrency",
        "quota L-B99A9384",
        "US dollars a month, with all that follows",
        "10,000/s",
        "Assumed",
        "ops/scale/quotas/quotas.toml",
    ):
        assert word in shown, word


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("every", [False, True])
def test_no_figure_is_cut_off_however_narrow_the_screen(width: int, every: bool) -> None:
    of = scaling(SAMPLE, 1000, settings=PROD)
    screen = Console(width=width, record=True, file=StringIO())
    screen.print(capacity(of, Prices.of("us-east-1"), width, every=every))
    shown = screen.export_text()
    assert "…" not in shown
    assert all(len(line) <= width for line in shown.splitlines())
    assert ("to change\n" in shown) is (width == 120)
    assert ("on a wider screen" in " ".join(shown.split())) is (width == 80)
    for path in of.paths():
        for hop in path.hops:
            for limit in hop.limits if every else (hop.tightest,):
                cells = [f"{figure(limit.most)} {limit.unit}", figure(limit.need), figure(path.full_at(limit))]
                assert any(all(cell in line for cell in cells) for line in shown.splitlines()), (hop.name, cells)


def test_what_is_full_is_red_and_what_is_nearly_is_yellow() -> None:
    screen = Console(width=120, file=StringIO(), force_terminal=True, color_system="standard")
    screen.print(capacity(scaling(SAMPLE, 800, settings=PROD), Prices.of("us-east-1"), 120))
    assert isinstance(screen.file, StringIO)
    lines = screen.file.getvalue().splitlines()
    (mails,) = [line for line in lines if line.startswith("mail_ticket ") and "batches" in line]
    stage = next(line for line in lines if line.startswith("API of the stage"))
    assert "\x1b[31m 280%" in mails
    assert re.search(r"\x1b\[33m *80%", stage)
    assert any(line.startswith("\x1b[31mPOST /v1/tickets: ") for line in lines)
    assert any(line.startswith("\x1b[32mPOST /v1/tickets/{ticket_id}/changes: ") for line in lines)


def test_programs_get_every_limit_with_its_source() -> None:
    told = answer("--rate", "500", "--quota", "email_rate=14", "--seconds", "mail_ticket=0.2", "--region", "eu-west-1")
    assert (told["rate"], told["stage"], told["region"]) == (500, names.STAGES[-1], "eu-west-1")
    assert [each["name"] for each in told["paths"]] == [route.name for route in SAMPLE.routes]
    first = told["paths"][0]
    assert set(first) == {"name", "rate", "sentence", "binds", "hops"}
    assert first["binds"]["hop"] == "e-mail"
    hops = {hop["name"]: hop for hop in first["hops"]}
    assert set(hops["mail_ticket"]) == {"name", "rate", "takes", "ramp_seconds", "limits"}
    (limit,) = hops["mail_ticket"]["limits"]
    assert (limit["most"], limit["needed"], limit["full_at"], limit["share"]) == (5, 100, 25, 20)
    assert (limit["setting"], limit["source"], limit["quota"]) == ("Consumer.concurrency", "stacks/topology.py", None)
    assert limit["holds_up_messages"] is True
    api = hops["API Gateway"]["limits"][0]
    assert api["burst"] == 5000
    assert api["source"] == told["quotas"]["api_rate"]["source"]
    assert told["quotas"]["api_rate"]["read"] == "2026-11-26"
    assert told["months"]["region"] == "us-east-1", "eu-west-1 has no price list"
    assert list(told["months"]["dollars"][0]["dollars"]) == ["10", "100", "1000", "10000"]
    assert told["assumed"]["quotas"] == {"email_rate": 14}
    assert told["assumed"]["work"]["seconds"] == {"mail_ticket": 0.2}


def test_some_routes_alone_or_all_together() -> None:
    only = answer("--route", "POST /v1/tickets", "--share", "TicketOpened=0.5")
    (path,) = only["paths"]
    assert {hop["name"]: hop["rate"] for hop in path["hops"]}["mail_ticket"] == 500
    (together,) = answer("--together")["paths"]
    assert together["name"] == "everything together"
    assert "through all of it at once, each route" in run("--together")


def test_what_nobody_tells_leads_nowhere() -> None:
    (path,) = answer("--route", "POST /v1/tickets", "--share", "TicketOpened=0")["paths"]
    hops = {hop["name"]: hop for hop in path["hops"]}
    assert (hops["mail_ticket"]["rate"], hops["mail_ticket"]["takes"]) == (0, None)
    assert hops["table once"]["limits"][0]["full_at"] is None
    assert "table once" in run("--share", "TicketOpened=0")


@pytest.mark.parametrize("rate", ["0.001", "1e9"])
def test_the_slowest_and_the_fastest_are_shown_too(rate: str) -> None:
    assert max(map(len, run("--rate", rate, columns=80).splitlines())) <= 80
    assert answer("--rate", rate)["rate"] == float(rate)


def test_where_nothing_flows_that_is_said() -> None:
    assert run(topology=Topology()).strip() == ("Nothing flows here: the map has no open route and no subscription.")
    done = CliRunner().invoke(app, ["scale", "--json"], obj=Topology())
    assert json.loads(done.output)["paths"] == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--rate", "0"), "--rate 0 makes no sense: say a number from 0.001 on, 1,000,000,000 at the most."),
        (("--rate", "-5"), "--rate -5 makes no sense: say a number from 0.001 on, 1,000,000,000 at the most."),
        (("--rate", "nan"), "--rate nan makes no sense: say a number from 0.001 on, 1,000,000,000 at the most."),
        (("--rate", "inf"), "--rate inf makes no sense: say a number from 0.001 on, 1,000,000,000 at the most."),
        (("--fill", "0"), "--fill 0 makes no sense: say a number from 1 on, 10,000 at the most."),
        (("--hot", "2"), "--hot 2 makes no sense: say a number above 0, 1 at the most."),
        (("--share", "TicketOpened=2"), "--share 2 makes no sense: say a number from 0 on, 1 at the most."),
        (("--share", "TicketOpened"), "--share 'TicketOpened' is no NAME=NUMBER; write it so."),
        (("--share", "=1"), "--share '=1' is no NAME=NUMBER; write it so."),
        (("--share", "TicketLost=1"), "There is no event, subscription or planned command 'TicketLost'; choose of "),
        (("--seconds", "mail_ticket=soon"), "--seconds 'mail_ticket=soon' is no NAME=NUMBER; write it so."),
        (("--seconds", "mail_ticket=nan"), "--seconds 'mail_ticket=nan' is no NAME=NUMBER; write it so."),
        (("--seconds", "mail_ticket=0"), "--seconds 0 makes no sense: say a number above 0, 900 at the most."),
        (("--seconds", "nobody=1"), "There is no consumer 'nobody'; choose of assign_ticket, "),
        (("--route", "GET /"), "There is no route 'GET /'; choose of POST /v1/tickets, "),
        (("--quota", "mails=1"), "There is no quota 'mails'; choose of api_burst, "),
        (("--quota", "email_rate=-1"), "Quota email_rate=-1 makes no sense: say a number above 0."),
        (("--region", "mars"), "'mars' is no region of AWS: say one such as --region eu-west-1."),
        (("--stage", "moon"), "There is no stage 'moon'"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(words: tuple[str, ...], sentence: str) -> None:
    said = refused(*words)
    assert said.startswith(sentence)
    told = json.loads(CliRunner().invoke(app, ["scale", *words, "--json"], obj=SAMPLE).output)
    assert told == {"error": said, "exit_code": 2}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0023148, "0.0023"),
        (1, "1"),
        (9.94, "9.9"),
        (9.96, "10"),
        (192.3, "192"),
        (12_500, "12,500"),
        (999_999, "999,999"),
        (999_999.6, "1.0 M"),
        (1_714_285, "1.7 M"),
        (86_400_000, "86 M"),
        (float("inf"), "-"),
        (0, "0"),
    ],
)
def test_figures_are_short(value: float, text: str) -> None:
    assert figure(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0%"), (0.804, "80%"), (5.2, "520%"), (9.99, "999%"), (50, "50x"), (432_000, ">999x")]
)
def test_shares_are_short(share: float, text: str) -> None:
    assert used(share) == text
