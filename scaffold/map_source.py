"""The map's source with a new entry in it, all the rest as it was.

libcst puts an entry where it belongs and keeps every comment; laying out what is new is left to ruff. That changes
nothing else, because the map is taken only as `make fix` leaves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import libcst as cst
from libcst import matchers as m

from scaffold.entry import Imports, Parts
from scaffold.errors import Refused

WHERE = "stacks/topology.py"
ORDER = ("routes", "queues", "consumers", "subscriptions", "tables", "schedules")
BY_HAND = "add the entry by hand, as docs/adding-an-integration.md shows"

Space = cst.BaseParenthesizableWhitespace
BLANK = cst.SimpleWhitespace(" ")


def with_integration(source: str, name: str, parts: Parts, imports: Imports) -> str:
    """The map with an integration more. Raises `Refused` where it is not written out in full."""
    module = cst.parse_module(source)
    topology = _topology(module)
    entry = f'Integration("{name}", {", ".join(f"{part}=({text},)" for part, text in parts.items())},)'
    changed = _extended(topology, "integrations", entry)
    return _finished(module.with_deep_changes(topology, args=changed.args), imports)


def with_parts(source: str, name: str, parts: Parts, imports: Imports) -> str:
    """The map with entries more in the integration of that name. Raises `Refused` where it is not written out."""
    module = cst.parse_module(source)
    integration = changed = _integration(module, name)
    for part, text in parts.items():
        changed = _extended(changed, part, text)
    return _finished(module.with_deep_changes(integration, args=changed.args), imports)


def bound(source: str) -> set[str]:
    """Every name that the map's module gives a meaning to."""
    found: set[str] = set()
    for node in cst.parse_module(source).body:
        for part in m.findall(node, m.ImportAlias() | m.AssignTarget(target=m.Name())):
            name = part.evaluated_alias or part.evaluated_name if isinstance(part, cst.ImportAlias) else ""
            if isinstance(part, cst.AssignTarget) and isinstance(part.target, cst.Name):
                name = part.target.value
            found.add(name)
    return found


def _finished(module: cst.Module, imports: Imports) -> str:
    for source, names in imports.items():
        module = _importing(module, source, names)
    return module.code


def _topology(module: cst.Module) -> cst.Call:
    target = m.Name("TOPOLOGY")
    call = m.Call(func=m.Name("Topology"))
    assignment = m.Assign(targets=[m.AssignTarget(target=target)], value=call) | m.AnnAssign(target=target, value=call)
    found = m.findall(module, assignment)
    if len(found) != 1:
        raise Refused(f"{WHERE} has no TOPOLOGY = Topology(...) to add to; {BY_HAND}.")
    value = cst.ensure_type(found[0], cst.Assign | cst.AnnAssign).value  # type: ignore[arg-type]
    return cst.ensure_type(value, cst.Call)


def _integration(module: cst.Module, name: str) -> cst.Call:
    def named(value: cst.BaseExpression) -> bool:
        return isinstance(value, cst.SimpleString) and value.evaluated_value == name

    written = m.MatchIfTrue(named)
    argument = m.Arg(value=written, keyword=None) | m.Arg(value=written, keyword=m.Name("name"))
    found = m.findall(module, m.Call(func=m.Name("Integration"), args=[m.ZeroOrMore(), argument, m.ZeroOrMore()]))
    if len(found) != 1:
        raise Refused(f"Integration {name!r} is not written out in {WHERE}; {BY_HAND}.")
    return cst.ensure_type(found[0], cst.Call)


def _extended(call: cst.Call, field: str, text: str) -> cst.Call:
    """The call with an entry more in that field of it."""
    entry = cst.Element(cst.parse_expression(text))
    for position, argument in enumerate(call.args):
        if argument.keyword is not None and argument.keyword.value == field:
            value = argument.value
            if not isinstance(value, cst.Tuple | cst.List) or any(
                not isinstance(each, cst.Element) for each in value.elements
            ):
                raise Refused(f"{WHERE} does not write {field} out as a tuple; {BY_HAND}.")
            args = [*call.args]
            args[position] = argument.with_changes(value=_with_entry(value, entry))
            return call.with_changes(args=args)
    before = ORDER[: ORDER.index(field)] if field in ORDER else ()
    known = [argument.keyword.value if argument.keyword else None for argument in call.args]
    after = [position for position, name in enumerate(known) if name is None or name in ("name", "retired", *before)]
    position = max(after) + 1 if after else len(known)
    new = cst.Arg(
        value=cst.Tuple([entry.with_changes(comma=cst.Comma())]),
        keyword=cst.Name(field),
        equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
    )
    return call.with_changes(args=_inserted(call.args, position, new))


def _with_entry(value: cst.Tuple | cst.List, entry: cst.Element) -> cst.Tuple | cst.List:
    closing = value.rpar[0] if isinstance(value, cst.Tuple) else value.rbracket
    elements = [*value.elements, entry.with_changes(comma=cst.Comma())]
    if value.elements:
        if not isinstance(closing.whitespace_before, cst.ParenthesizedWhitespace):
            elements[-1] = entry  # a last comma would keep what fits on one line from standing on one
        beside, below = _parted(closing.whitespace_before)
        elements[-2] = value.elements[-1].with_changes(comma=cst.Comma(whitespace_after=beside))
        closing = closing.with_changes(whitespace_before=below)
    end = {"rpar": [closing]} if isinstance(value, cst.Tuple) else {"rbracket": closing}
    return value.with_changes(elements=elements, **end)


def _inserted(args: Sequence[cst.Arg], position: int, new: cst.Arg) -> list[cst.Arg]:
    """`args` with `new` at the position: a comment beside the one before stays there, those below stay below."""
    if position == 0:
        return [new.with_changes(comma=cst.Comma(whitespace_after=BLANK)), *args]
    last = args[position - 1]
    beside, below = _parted(
        last.comma.whitespace_after if isinstance(last.comma, cst.Comma) else last.whitespace_after_arg
    )
    last = last.with_changes(comma=cst.Comma(whitespace_after=beside), whitespace_after_arg=cst.SimpleWhitespace(""))
    return [*args[: position - 1], last, new.with_changes(comma=cst.Comma(whitespace_after=below)), *args[position:]]


def _parted(space: Space) -> tuple[Space, Space]:
    """The rest of the line, with its comment if it has one, and what is below."""
    if isinstance(space, cst.ParenthesizedWhitespace) and space.first_line.comment is not None:
        return cst.ParenthesizedWhitespace(first_line=space.first_line), space.with_changes(
            first_line=cst.TrailingWhitespace()
        )
    return BLANK, space


def _importing(module: cst.Module, source: str, names: Sequence[str]) -> cst.Module:
    """The module with those imports, joined to an import that is there; where they belong is ruff's to say."""
    imports = [
        (line, line.body[0])
        for line in module.body
        if isinstance(line, cst.SimpleStatementLine) and isinstance(line.body[0], cst.ImportFrom)
    ]
    for _, imported in imports:
        if imported.module is None or isinstance(imported.names, cst.ImportStar):
            continue
        if module.code_for_node(imported.module) == source:
            return module.with_deep_changes(imported, **_joined(imported, imported.names, names))
    line = cst.parse_statement(f"from {source} import {', '.join(names)}\n")
    position = module.body.index(imports[-1][0])
    return module.with_changes(body=[*module.body[:position], line, *module.body[position:]])


def _joined(imported: cst.ImportFrom, there: Sequence[cst.ImportAlias], names: Sequence[str]) -> dict[str, Any]:
    known = {alias.evaluated_name for alias in there if alias.asname is None}
    missing = [
        cst.ImportAlias(cst.Name(name), comma=cst.Comma(whitespace_after=BLANK)) for name in names if name not in known
    ]
    if not missing:
        return {}
    if imported.rpar is None:
        missing[-1] = missing[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return {"names": [*there[:-1], there[-1].with_changes(comma=cst.Comma(whitespace_after=BLANK)), *missing]}
    # Behind a last comma is what follows it; without one, what follows the last name is before the parenthesis.
    comma, before = there[-1].comma, imported.rpar.whitespace_before
    beside, below = _parted(comma.whitespace_after if isinstance(comma, cst.Comma) else before)
    last = there[-1].with_changes(comma=cst.Comma(whitespace_after=beside))
    if isinstance(comma, cst.Comma):
        missing[-1] = missing[-1].with_changes(comma=cst.Comma(whitespace_after=below))
        return {"names": [*there[:-1], last, *missing]}
    missing[-1] = missing[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return {"names": [*there[:-1], last, *missing], "rpar": imported.rpar.with_changes(whitespace_before=below)}
