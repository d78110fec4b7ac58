"""The map's source gets its new entry where it belongs, and keeps everything else byte for byte."""

from __future__ import annotations

import ast
import difflib
import shutil
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold import ruff
from scaffold.errors import Refused
from scaffold.map_source import bound, with_integration, with_parts
from stacks.names import ROOT

EMPTY = '''"""The map."""

from __future__ import annotations

from stacks.entry import Topology

TOPOLOGY = Topology()
'''
HEAD = '''"""The map."""

from __future__ import annotations

from functions.contracts.contract import Command, Event
from stacks.entry import Integration, Queue, Topology

'''
COMMENTED = f"""{HEAD}# What this project is.
TOPOLOGY = Topology(  # all of it
    integrations=(
        # the first team
        Integration(
            "first",  # its stack
            # what waits
            queues=(
                Queue(name="one"),  # for one
                # and another
                Queue(name="two"),  # for two
                # more to come
            ),  # that was all
            # nothing else
        ),  # theirs
        # here come others
    ),
    # the end
)
"""
PARTS = {"queues": 'Queue(name="three")', "tables": 'Table(name="three", key="id")'}
IMPORTS = {"functions.contracts.thirds": ("Third",), "stacks.entry": ("Integration", "Queue", "Table")}


@pytest.fixture
def tidied(tmp_path: Path) -> Path:
    """A folder in which ruff finds the project's settings and the modules that the map imports."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module in ("functions/contracts/contract.py", "functions/contracts/thirds.py", "stacks/entry.py"):
        (tmp_path / module).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / module).touch()
        (tmp_path / module).with_name("__init__.py").touch()
    (tmp_path / "functions" / "__init__.py").touch()
    return tmp_path


def laid_out(folder: Path, source: str) -> str:
    """The source as the command leaves it."""
    path = folder / "stacks" / "topology.py"
    path.write_text(source)
    ruff.tidy(folder, [Path("stacks", "topology.py")])
    return path.read_text()


def lost(before: str, after: str) -> list[str]:
    """The lines of `before` that are not in `after`, in their order."""
    return [line[2:] for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line.startswith("- ")]


def names(source: str) -> list[str]:
    """The integrations of the map, in their order."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    made = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Integration"]
    return [ast.literal_eval(call.args[0]) for call in sorted(made, key=lambda call: call.lineno)]


def test_the_first_integration_of_an_empty_map_reads_as_written_by_hand(tidied: Path) -> None:
    assert laid_out(tidied, with_integration(EMPTY, "third", PARTS, IMPORTS)) == (
        EMPTY.replace(
            "from stacks.entry import Topology",
            "from functions.contracts.thirds import Third\n"
            "from stacks.entry import Integration, Queue, Table, Topology",
        ).replace(
            "Topology()",
            """Topology(
    integrations=(
        Integration(
            "third",
            queues=(Queue(name="three"),),
            tables=(Table(name="three", key="id"),),
        ),
    ),
)""",
        )
    )


@pytest.mark.parametrize(
    "value",
    [
        "Topology()",
        "Topology(integrations=())",
        'Topology(integrations=(Integration("first"),))',
        'Topology(package="functions", integrations=[Integration("first")])',
        'Topology(\n    integrations=(\n        Integration("first"),\n        Integration("second"),\n    )\n)',
        "Topology(\n    # none yet\n    integrations=(\n        # none yet\n    ),\n)",
        'Topology(package="functions")',
        'Topology(\n    package="functions",  # ours\n)',
    ],
)
def test_wherever_integrations_are_written_the_new_one_comes_last(tidied: Path, value: str) -> None:
    before = laid_out(tidied, f"{HEAD}TOPOLOGY = {value}\n")
    after = laid_out(tidied, with_integration(before, "third", PARTS, IMPORTS))
    assert names(after) == [*names(before), "third"]
    assert sorted(comments(before)) == sorted(comments(after))
    assert ruff.is_tidy(tidied, Path("stacks", "topology.py"))


def comments(source: str) -> list[str]:
    return [line.partition("#")[2] for line in source.splitlines() if "#" in line]


def test_an_annotated_map_is_found(tidied: Path) -> None:
    before = laid_out(tidied, f"{HEAD}TOPOLOGY: Topology = Topology()\n")
    assert names(with_integration(before, "third", PARTS, IMPORTS)) == ["third"]


def test_a_new_integration_moves_no_line_of_the_others(tidied: Path) -> None:
    before = laid_out(tidied, COMMENTED)
    assert before == COMMENTED
    after = laid_out(tidied, with_integration(before, "third", PARTS, IMPORTS))
    assert lost(before, after) == ["from stacks.entry import Integration, Queue, Topology"]
    assert names(after) == ["first", "third"]
    assert "        ),  # theirs\n        Integration(\n" in after
    assert after.endswith("        # here come others\n    ),\n    # the end\n)\n")


def test_new_entries_of_an_integration_move_no_line_of_it(tidied: Path) -> None:
    after = laid_out(tidied, with_parts(COMMENTED, "first", PARTS, {**IMPORTS, "stacks.entry": ("Queue", "Table")}))
    assert lost(COMMENTED, after) == ["from stacks.entry import Integration, Queue, Topology"]
    assert (
        """                Queue(name="two"),  # for two
                Queue(name="three"),
                # more to come
            ),  # that was all
            tables=(Table(name="three", key="id"),),
            # nothing else
        ),  # theirs
"""
        in after
    )


def test_a_field_that_an_integration_lacks_comes_in_the_usual_order(tidied: Path) -> None:
    before = (
        f'{HEAD}TOPOLOGY = Topology(integrations=(Integration("first", queues=(Queue(name="one"),), tables=()),))\n'
    )
    new = {"subscriptions": "Subscription(event=Event, queue='one')", "routes": "Route(path='/')"}
    after = laid_out(tidied, with_parts(before, "first", new, {}))
    fields = [
        keyword.arg for node in ast.walk(ast.parse(after)) if isinstance(node, ast.Call) for keyword in node.keywords
    ]
    assert [name for name in fields if name in ("routes", "queues", "subscriptions", "tables")] == [
        "routes",
        "queues",
        "subscriptions",
        "tables",
    ]


def test_what_fits_on_one_line_stays_on_one(tidied: Path) -> None:
    before = laid_out(
        tidied, f'{HEAD}TOPOLOGY = Topology(integrations=(Integration("first", queues=(Queue(name="one"),)),))\n'
    )
    after = laid_out(tidied, with_parts(before, "first", {"queues": 'Queue(name="two")'}, {}))
    assert 'queues=(Queue(name="one"), Queue(name="two"))' in after


def test_an_integration_that_is_a_variable_of_the_map_is_found(tidied: Path) -> None:
    before = f'{HEAD}FIRST = Integration(name="first")\n\nTOPOLOGY = Topology(integrations=(FIRST,))\n'
    after = laid_out(tidied, with_parts(before, "first", PARTS, IMPORTS))
    assert 'FIRST = Integration(\n    name="first",\n    queues=(Queue(name="three"),),\n' in after


def test_imports_join_those_that_are_there_and_keep_their_comments(tidied: Path) -> None:
    before = laid_out(
        tidied,
        '''"""The map."""

from functions.contracts.contract import (
    Command,  # asks
    Event,  # tells
)
from functions.contracts.thirds import Third as Other
from stacks.entry import Topology  # the whole

TOPOLOGY = Topology()
''',
    )
    imports = {"functions.contracts.contract": ("Email", "Event"), **IMPORTS}
    after = laid_out(tidied, with_integration(before, "third", PARTS, imports))
    assert "    Command,  # asks\n    Email,\n    Event,  # tells\n" in after
    assert "import Third\nfrom functions.contracts.thirds import Third as Other\n" in after
    assert after.count("from stacks.entry import") == 1
    assert {"Email", "Other", "Third", "Table", "TOPOLOGY"} <= bound(after)


@pytest.mark.parametrize(
    "written",
    [
        "Event",
        "Event  # why",
        "(Event)",
        "(Event,)",
        "(\n    Command,  # why\n    Event,  # what\n    # that was all\n)",
        "(\n    Command,  # why\n    Event  # what\n    # that was all\n)",
        "(\n    # why\n    Event\n)",
    ],
)
def test_an_import_is_joined_however_it_is_written(tidied: Path, written: str) -> None:
    before = laid_out(tidied, f"from functions.contracts.contract import {written}\n\nTOPOLOGY = Topology()\n")
    imports = {"functions.contracts.contract": ("Email", "Money")}
    for source in (before, f"from functions.contracts.contract import {written}\n\nTOPOLOGY = Topology()\n"):
        after = with_integration(source, "third", PARTS, imports)
        assert {"Event", "Email", "Money"} <= bound(after)
        assert comments(after) == comments(source)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("TOPOLOGY = sample()\n", "no TOPOLOGY = Topology(...)"),
        ("MAP = Topology()\n", "no TOPOLOGY = Topology(...)"),
        ("TOPOLOGY = Topology(integrations=everything)\n", "does not write integrations out as a tuple"),
        ("TOPOLOGY = Topology(integrations=(*everything,))\n", "does not write integrations out as a tuple"),
    ],
)
def test_a_map_that_is_not_written_out_is_refused_in_words(source: str, sentence: str) -> None:
    with pytest.raises(Refused, match="by hand, as docs/adding-an-integration") as refused:
        with_integration(HEAD + source, "third", PARTS, IMPORTS)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "source", ["TOPOLOGY = Topology(integrations=(FIRST,))\n", 'A, B = Integration("first"), Integration("first")\n']
)
def test_an_integration_that_is_not_written_out_is_refused_in_words(source: str) -> None:
    with pytest.raises(Refused, match="'first' is not written out in stacks/"):
        with_parts(HEAD + source, "first", PARTS, IMPORTS)


COMMENT = st.sampled_from(["", "  # why", "  # why, and (what) for"])
OWN_LINE = st.sampled_from(["", "# below\n", "# one\n# two\n", "\n"])


@given(
    beside=st.lists(COMMENT, min_size=1, max_size=4), below=OWN_LINE, last=st.sampled_from(["", ","]), at=st.booleans()
)
def test_no_comment_is_lost_or_leaves_the_entry_that_it_stands_beside(
    beside: list[str], below: str, last: str, at: bool
) -> None:
    entries = [f'Queue(name="q{number}"){{comma}}{comment}\n' for number, comment in enumerate(beside)]
    written = "".join(
        entry.format(comma="," if number < len(entries) - 1 else last or ("," if len(entries) == 1 else ""))
        for number, entry in enumerate(entries)
    )
    fields = f"queues=(\n{written}{below}),{'' if at else ' tables=(),'}"
    before = f'{HEAD}TOPOLOGY = Topology(integrations=(Integration("first", {fields}),))\n'
    after = with_parts(before, "first", PARTS, {})
    cst.parse_module(after)
    tables, queues = (
        next(keyword.value for keyword in integration(after).keywords if keyword.arg == name)
        for name in ("tables", "queues")
    )
    assert isinstance(queues, ast.Tuple)
    assert isinstance(tables, ast.Tuple)
    assert (len(queues.elts), len(tables.elts)) == (len(beside) + 1, 1)
    assert comments(after) == comments(before)
    for number, comment in enumerate(beside):
        (line,) = [line for line in after.splitlines() if f'"q{number}"' in line]
        assert line.rstrip().endswith(comment.strip())


def integration(source: str) -> ast.Call:
    (call,) = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Integration"
    ]
    return call
