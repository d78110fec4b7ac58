"""Small charts as SVG paths: no style, no script, one colour that the page chooses."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

WIDTH, HEIGHT = 96, 24
_LINE = Markup(
    '<svg class="spark" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{said}">'
    '<path class="area" d="{area}"/><path class="line" d="{line}"/></svg>'
)
_PAIR = Markup(
    '<svg class="spark worked" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{said}">'
    "{lines}</svg>"
)
_PATH = Markup('<path class="{name}" d="{path}"/>')
_BARS = Markup(
    '<svg class="spark bars" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{said}">{bars}</svg>'
)
_BAR = Markup('<rect x="{x}" y="{y}" width="{w}" height="{h}"/>')


def line(points: Sequence[tuple[float, float]], *, start: float, end: float, said: str) -> Markup:
    """Values over time, from `start` to `end`; `said` is what it shows, for who does not see it."""
    shown = [(at, value) for at, value in points if at >= start]
    if len(shown) < 2:
        return Markup("")
    top = max(max(value for _, value in shown), 1.0)
    spread = max(end - start, 1.0)
    places = [(min((at - start) / spread, 1.0) * WIDTH, HEIGHT - 2 - value / top * (HEIGHT - 4)) for at, value in shown]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    area = f"{path}L{places[-1][0]:.1f} {HEIGHT}L{places[0][0]:.1f} {HEIGHT}Z"
    return _LINE.format(w=WIDTH, h=HEIGHT, said=said, area=area, line=path)


def pair(good: Sequence[int], bad: Sequence[int], *, said: str) -> Markup:
    """Two counts side by side over the same time, on one scale; that of what is bad only where there is some."""
    if len(good) < 2:
        return Markup("")
    top = max(*good, *bad, 1)
    lines = Markup("").join(
        _PATH.format(name=name, path=_steps(counts, top))
        for name, counts in (("line", good), ("bad", bad))
        if any(counts)
    )
    return _PAIR.format(w=WIDTH, h=HEIGHT, said=said, lines=lines)


def _steps(counts: Sequence[int], top: int) -> str:
    step = WIDTH / (len(counts) - 1)
    return "M" + "L".join(
        f"{index * step:.1f} {HEIGHT - 2 - count / top * (HEIGHT - 4):.1f}" for index, count in enumerate(counts)
    )


def bars(counts: Sequence[int], *, said: str) -> Markup:
    """Counts side by side; nothing where there is nothing to compare."""
    if sum(1 for count in counts if count) < 2:
        return Markup("")
    top, step = max(counts), WIDTH / len(counts)
    drawn = Markup("").join(
        _BAR.format(
            x=f"{index * step:.1f}",
            y=f"{HEIGHT - max(count / top * HEIGHT, 2):.1f}",
            w=f"{max(step - 1, 1):.1f}",
            h=f"{max(count / top * HEIGHT, 2):.1f}",
        )
        for index, count in enumerate(counts)
        if count
    )
    return _BARS.format(w=WIDTH, h=HEIGHT, said=said, bars=drawn)
