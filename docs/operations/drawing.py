"""How the pictures of `shapes` are laid out and written as SVG.

Forward runs along the top from left to right, backward along the bottom from right to left,
so each gradient stands below the array whose shape it has. Within a picture one letter has
one length. Needs nothing but Python; the same every time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import NamedTuple

__all__ = ["Array", "Marks", "Operation", "draw"]

WIDTH = 600
LEFT, CENTRE, RIGHT = 84.0, 292.0, 518.0  # centres of inputs, operation, outputs
NODE = 204  # width of the operation's box
LINE, NAME, LETTER, GAP = 22, 22, 22, 8
CURVE = 92
THIN = 12  # the short side of a vector
CHARACTER = 9.65  # width of one at 16 px
STYLE = """
text{white-space:pre;font:16px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#333}
.letter{font:italic bold 16px Georgia,'DejaVu Serif',serif;fill:#5b5b5b}
rect,circle,path,line{stroke-width:1.6;fill:none}
.f{stroke:#1f5f8b}.b{stroke:#a8441f}.k{stroke:#6f6f6f}
rect.f,circle.f{fill:#e3eef6}rect.b,circle.b{fill:#f9e8e0}rect.k{fill:#ececec}
rect.node{fill:#fff}path.k{stroke-dasharray:5 4}line.axis{stroke:#aaa;stroke-width:1}
text.f,polygon.f,rect.f.mark{fill:#1f5f8b}text.b,polygon.b,rect.b.mark{fill:#a8441f}
text.k,polygon.k{fill:#5b5b5b}text.f,text.b,text.k{font-weight:bold}
text,text.f,text.b,text.k,polygon,polygon.f,polygon.b,polygon.k,rect.mark,rect.f.mark,rect.b.mark{stroke:none}
rect.mark{fill-opacity:.5;shape-rendering:crispEdges}
rect.panel{fill:#fff;stroke:none}
"""


Marks = tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class Array:
    """An array by the letters of its last two axes; "" where it has no such axis.

    Attributes
    ----------
    sheets : the letters of the axes before those two
    marks, gradient_marks : parts to point out, as (left, top, right, bottom) in shares of
        the box; None marks the same parts of the gradient
    cuts : shares of its width at which a line divides it
    constant : no gradient comes back
    kind : a colour of its own: "f" forward, "b" backward, "k" kept
    """

    name: str
    rows: str = ""
    columns: str = ""
    sheets: str = ""
    marks: Marks = ()
    gradient_marks: Marks | None = None
    cuts: tuple[float, ...] = ()
    constant: bool = False
    kind: str = ""

    def gradient(self) -> Array:
        """The array of the same shape that comes back."""
        marks = self.marks if self.gradient_marks is None else self.gradient_marks
        return replace(self, name=f"d{self.name}", marks=marks)


Item = str | Array | Callable[[float], float]
Stack = Sequence[Sequence[Array]]  # rows of arrays, from the top


@dataclass(frozen=True)
class Operation:
    """What one picture shows. `forward` and `backward` are what stands in the operation's
    box: lines of code, arrays that live only there, graphs of functions of one number."""

    sizes: dict[str, int]  # of each letter, in pixels
    inputs: Stack
    forward: Sequence[Item]
    outputs: Stack
    backward: Sequence[Item] = ()
    parameters: Sequence[Array] = ()
    kept: str = ""
    kept_arrays: Sequence[Array] = ()


@dataclass
class Canvas:
    """The elements drawn so far."""

    sizes: dict[str, int]
    parts: list[str] = field(default_factory=list)

    def add(self, tag: str, kind: str, text: str = "", **attributes: float | str) -> None:
        """An element; numbers are rounded to a tenth of a pixel."""
        words = [
            f'{name.replace("_", "-")}="{value if isinstance(value, str) else f"{value:.1f}"}"'
            for name, value in attributes.items()
        ]
        end = f">{escape(text)}</{tag}>" if text else "/>"
        self.parts.append(f'<{tag} class="{kind}" {" ".join(words)}{end}'.replace('.0"', '"'))

    def text(self, x: float, y: float, text: str, kind: str, anchor: str = "middle") -> None:
        self.add("text", kind, text, x=x, y=y, text_anchor=anchor)

    def rect(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        self.add("rect", kind, x=x, y=y, width=width, height=height)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        self.add("line", kind, x1=x1, y1=y1, x2=x2, y2=y2)

    def arrow(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """A straight arrow along one axis; its point is at (x2, y2)."""
        u = (x2 > x1) - (x2 < x1)
        v = (y2 > y1) - (y2 < y1)
        x, y = x2 - 10 * u, y2 - 10 * v
        self.add("path", kind, d=f"M{x1:.1f} {y1:.1f}L{x:.1f} {y:.1f}")
        corners = ((x2, y2), (x + 5 * v, y - 5 * u), (x - 5 * v, y + 5 * u))
        self.add("polygon", kind, points=" ".join(f"{a:.1f},{b:.1f}" for a, b in corners))

    def size(self, a: Array) -> tuple[float, float]:
        """Width and height of the box alone; of the circle, if it is one number."""
        if not a.rows and not a.columns:
            return 24, 24
        width = self.sizes[a.columns] if a.columns else THIN
        return width, self.sizes[a.rows] if a.rows else THIN

    def outer(self, a: Array) -> tuple[float, float]:
        """Width and height with name, letters and sheets."""
        width, height = self.size(a)
        sides = (2 * LETTER if a.rows else 0) + (8 if a.sheets else 0)
        below = (LETTER if a.columns else 3) + (8 if a.sheets else 0)
        return max(width + sides, CHARACTER * len(a.name)), NAME + height + below

    def array(self, a: Array, centre: float, top: float, kind: str) -> None:
        """The box, its name above, its letters at the left and below."""
        kind = a.kind or kind
        width, height = self.size(a)
        x, y = centre - width / 2, top + NAME
        self.text(centre, y - 7, a.name, kind)
        if not a.rows and not a.columns:
            self.add("circle", kind, cx=centre, cy=y + 12, r=12)
            return
        for shift in (8, 4, 0) if a.sheets else (0,):
            self.rect(x + shift, y + shift, width, height, kind)
        for left, upper, right, lower in a.marks:
            across, down = (right - left) * width, (lower - upper) * height
            self.rect(x + left * width, y + upper * height, across, down, f"{kind} mark")
        for cut in a.cuts:
            self.line(x + cut * width, y, x + cut * width, y + height, kind)
        below = 8 if a.sheets else 0
        if a.rows:
            self.text(x - 11, y + height / 2 + 5, a.rows, "letter")
        if a.columns:
            self.text(centre, y + height + below + 16, a.columns, "letter")
        if a.sheets:
            self.text(x + width + 12, y + 10, a.sheets, "letter", "start")

    def row_size(self, row: Sequence[Array]) -> tuple[float, float]:
        sizes = [self.outer(a) for a in row]
        return sum(w for w, _ in sizes) + GAP * (len(row) - 1), max(h for _, h in sizes)

    def row(self, row: Sequence[Array], centre: float, top: float, kind: str) -> None:
        """Arrays side by side."""
        x = centre - self.row_size(row)[0] / 2
        for a in row:
            width = self.outer(a)[0]
            self.array(a, x + width / 2, top, kind)
            x += width + GAP

    def stack_size(self, stack: Stack) -> tuple[float, float]:
        """Half the width of the boxes, and the height with all labels."""
        half = 0.0
        for row in stack:
            alone = self.size(row[0])[0] / 2 + (8 if row[0].sheets else 0)
            half = max(half, alone if len(row) == 1 else self.row_size(row)[0] / 2)
        height = sum(self.row_size(row)[1] for row in stack) + GAP * (len(stack) - 1)
        return half, height

    def stack(self, stack: Stack, centre: float, middle: float, kind: str) -> None:
        """Rows of arrays below each other."""
        y = middle - self.stack_size(stack)[1] / 2
        for row in stack:
            self.row(row, centre, y, kind)
            y += self.row_size(row)[1] + GAP

    def item_height(self, item: Item) -> float:
        if isinstance(item, str):
            return LINE
        return self.outer(item)[1] if isinstance(item, Array) else CURVE

    def node_height(self, items: Sequence[Item]) -> float:
        return 16 + sum(self.item_height(item) for item in items)

    def node(self, items: Sequence[Item], middle: float, kind: str) -> None:
        """The box of the operation, with what it computes."""
        height = self.node_height(items)
        left, y = CENTRE - NODE / 2, middle - height / 2
        self.rect(left, y, NODE, height, f"{kind} node")
        y += 8
        for item in items:
            if isinstance(item, str):
                self.text(left + 9, y + 16, item, "code", "start")
            elif isinstance(item, Array):
                self.array(item, CENTRE, y, kind)
            else:
                self.curve(item, CENTRE, y + 58, kind)
            y += self.item_height(item)

    def curve(self, f: Callable[[float], float], x: float, y: float, kind: str) -> None:
        """The graph of f over -3 .. 3, its origin at (x, y), 26 pixels a unit each way."""
        self.line(x - 80, y, x + 80, y, "axis")
        self.line(x, y + 26, x, y - 54, "axis")
        for tick in range(-3, 4):
            self.line(x + 26 * tick, y - 2, x + 26 * tick, y + 2, "axis")
        for tick in (1, 2):
            self.line(x - 2, y - 26 * tick, x + 2, y - 26 * tick, "axis")
        inside = [(i / 12, f(i / 12)) for i in range(-36, 37) if -1 <= f(i / 12) <= 2.1]
        points = "L".join(f"{x + 26 * u:.1f} {y - 26 * v:.1f}" for u, v in inside)
        self.add("path", kind, d=f"M{points}")


class Ends(NamedTuple):
    """Where one way of a picture ends: all of it, the operation's box, the outputs."""

    bottom: float
    box_top: float
    box_bottom: float
    output_top: float
    output_bottom: float


def _one_way(c: Canvas, o: Operation, top: float, kind: str) -> Ends:
    """Forward or backward, from its top."""
    if kind == "f":
        inputs, items, outputs = o.inputs, o.forward, o.outputs
    else:
        rows = [[a.gradient() for a in row if not a.constant] for row in o.inputs]
        inputs, items = [row for row in rows if row], o.backward
        outputs = [[a.gradient() for a in row if not a.constant] for row in o.outputs]
        outputs = [row for row in outputs if row]
    heights = c.stack_size(inputs)[1], c.node_height(items), c.stack_size(outputs)[1]
    height = max(heights)
    middle = top + height / 2
    c.stack(inputs, LEFT, middle, kind)
    c.node(items, middle, kind)
    c.stack(outputs, RIGHT, middle, kind)

    start, end = CENTRE - NODE / 2, CENTRE + NODE / 2
    letter = LETTER if outputs[0][0].rows else 4
    left, right = LEFT + c.stack_size(inputs)[0], RIGHT - c.stack_size(outputs)[0] - letter
    if kind == "f":
        c.arrow(left + 6, middle, start - 3, middle, kind)
        c.arrow(end + 4, middle, right, middle, kind)
    else:
        c.arrow(right, middle, end + 4, middle, kind)
        if inputs:
            c.arrow(start - 3, middle, left + 6, middle, kind)
    half_box, half_output = heights[1] / 2, heights[2] / 2
    box = middle - half_box, middle + half_box
    return Ends(top + height, *box, middle - half_output, middle + half_output)


def _kept(c: Canvas, o: Operation, start: float, end: float) -> None:
    """From the bottom of the forward box to the top of the backward box."""
    y = start + 26
    c.arrow(CENTRE, start + 2, CENTRE, y, "k")
    c.text(CENTRE, y + 17, o.kept, "k")
    y += LINE + 2
    if o.kept_arrays:
        c.row(o.kept_arrays, CENTRE, y, "k")
        y += c.row_size(o.kept_arrays)[1] + 4
    c.arrow(CENTRE, y, CENTRE, end - 3, "k")


def _kept_height(c: Canvas, o: Operation) -> float:
    arrays = c.row_size(o.kept_arrays)[1] + 4 if o.kept_arrays else 0
    return 26 + LINE + arrays + 24


def _legend(c: Canvas, o: Operation) -> None:
    c.arrow(18, 22, 52, 22, "f")
    if o.backward:
        c.text(60, 27, "forward", "f", "start")
        c.arrow(196, 22, 162, 22, "b")
        c.text(204, 27, "gradients, coming back", "b", "start")
        c.arrow(450, 22, 484, 22, "k")
        c.text(492, 27, "kept", "k", "start")
    else:
        c.text(60, 27, "one step, in place", "f", "start")


def _picture(c: Canvas, o: Operation) -> float:
    """Everything below the legend; returns its end."""
    y = 46.0
    if o.parameters:
        c.row(o.parameters, CENTRE, y, "f")
        y += c.row_size(o.parameters)[1]
    there = _one_way(c, o, y + (28 if o.parameters else 0), "f")
    if o.parameters:
        c.arrow(CENTRE, y + 2, CENTRE, there.box_top - 3, "f")
    if not o.backward:
        return there.bottom

    # What is kept may reach down beside the row of arrays, to the box in its middle.
    beside = _one_way(Canvas(c.sizes), o, 0, "b").box_top
    top = max(there.bottom + 50, there.box_bottom + _kept_height(c, o) - beside)
    back = _one_way(c, o, top, "b")
    _kept(c, o, there.box_bottom, back.box_top)
    if o.outputs[0][0].columns:  # else it is the loss itself
        middle = (there.output_bottom + back.output_top) / 2
        c.text(RIGHT, middle + 5, "loss", "code")
        c.arrow(RIGHT, there.output_bottom + 2, RIGHT, middle - 10, "f")
        c.arrow(RIGHT, middle + 12, RIGHT, back.output_top - 2, "b")
    gradients = [a.gradient() for a in o.parameters if not a.constant]
    if not gradients:
        return back.bottom
    c.arrow(CENTRE, back.box_bottom + 2, CENTRE, back.box_bottom + 26, "b")
    c.row(gradients, CENTRE, back.box_bottom + 28, "b")
    return max(back.bottom, back.box_bottom + 28 + c.row_size(gradients)[1])


def draw(name: str, o: Operation) -> str:
    """The picture as the text of an SVG file."""
    c = Canvas(o.sizes)
    _legend(c, o)
    height = _picture(c, o) + 14
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'width="{WIDTH}" height="{height:.0f}" role="img">'
    )
    panel = f'<rect class="panel" width="{WIDTH}" height="{height:.0f}" rx="12"/>'
    style = f"<style>{STYLE}</style>"
    return "\n".join([head, f"<title>Shapes in {name}</title>", style, panel, *c.parts, "</svg>\n"])
