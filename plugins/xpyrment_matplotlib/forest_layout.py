"""Layout of a forest plot: which texts fit, their font size, and the size of the figure in inches."""

from collections.abc import Iterator, Sequence

from attrs import field, frozen

from xpyrment_core.plots.layout import Line, forest_lines
from xpyrment_core.plots.numbers import percent_level
from xpyrment_core.plots.rows import ForestRow, PlotData
from xpyrment_matplotlib.canvas import POINT, Margins, head_height, head_width, legend_height, text_width

PLOT_WIDTH, NARROWEST_PLOT = 3.6, 1.7
PITCH, DENSE_PITCH, DENSE_FROM = 0.27, 0.18, 41
GAP = 0.16
# Letters of a name, and columns of numbers, from wide to narrow. Names are shortened before columns are left out, and
# the lift is the last number to be left out.
FITS = ((44, 3), (34, 3), (26, 3), (20, 3), (34, 1), (20, 1), (26, 0), (12, 0))


@frozen(kw_only=True)
class Texts:
    """Title, subtitle and legend."""

    title: str
    subtitle: str
    legend: tuple[str, ...]


@frozen(kw_only=True)
class Layout:
    """Lines, columns, font size in points, and widths in inches, all known before drawing."""

    lines: tuple[Line, ...]
    headers: tuple[str, ...]
    texts: Texts
    font: float
    widths: tuple[float, ...] = field(init=False)
    label_width: float = field(init=False)

    @widths.default
    def _widths(self) -> tuple[float, ...]:
        columns = ((header, *(line.cells[i] for line in self.lines)) for i, header in enumerate(self.headers))
        return tuple(max(text_width(text, self.font) for text in column) for column in columns)

    @label_width.default
    def _label_width(self) -> float:
        return max(text_width(line.label, self.font, "normal" if line.row else "bold") for line in self.lines)

    @property
    def dense(self) -> bool:
        """Whether there are so many lines that they are closer together and smaller."""
        return len(self.lines) >= DENSE_FROM

    @property
    def left(self) -> float:
        """Inches at the left of the axes."""
        return self.label_width + 2 * GAP

    @property
    def right(self) -> float:
        """Inches that the columns, or the reasons why there are none, need at the right of the axes."""
        if self.widths:
            return sum(self.widths) + GAP * (len(self.widths) + 1)
        return 0.2 if any(line.row and line.row.lift is not None for line in self.lines) else 2.2

    @property
    def above(self) -> float:
        """Inches between the axes and the heading: for column headers or a second row of ticks."""
        return 0.26 if self.widths or self.dense else 0.06

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of a figure that holds it all."""
        texts = self.texts
        width = max(self.left + PLOT_WIDTH + self.right, head_width(texts.title, texts.subtitle) + 2 * GAP)
        margins = self.margins(width)
        pitch = DENSE_PITCH if self.dense else PITCH
        return width, margins.top + len(self.lines) * pitch + 0.1 + margins.bottom

    def margins(self, width: float) -> Margins:
        """Return the margins in a figure or box of this width."""
        return Margins(
            left=self.left,
            right=self.right,
            top=head_height(self.texts.title, self.texts.subtitle) + self.above,
            bottom=0.5 + legend_height(self.texts.legend, width - 2 * GAP),
        )


def lay_out(
    plot: PlotData, rows: Sequence[ForestRow], texts: Texts, show_values: bool, room: tuple[float, float] | None
) -> Layout:
    """Return the first layout that leaves the plot itself enough width in `room`; any fits without a limit."""
    # The narrowest is used where none fits: a plot with little room is better than an error.
    for layout in _candidates(plot, rows, texts, show_values, room):
        if room is None or room[0] - layout.left - layout.right >= NARROWEST_PLOT:
            break
    return layout


def _candidates(
    plot: PlotData, rows: Sequence[ForestRow], texts: Texts, show_values: bool, room: tuple[float, float] | None
) -> Iterator[Layout]:
    estimable = any(row.lift is not None for row in rows)
    headers = ("Lift", f"{percent_level(plot.level)} CI", "p") if show_values and estimable else ()
    for limit, columns in FITS:
        lines = forest_lines(rows, limit)
        yield Layout(lines=lines, headers=headers[:columns], texts=texts, font=_font(len(lines), texts, room))


def _font(lines: int, texts: Texts, room: tuple[float, float] | None) -> float:
    pitch = DENSE_PITCH if lines >= DENSE_FROM else PITCH
    if room is not None:
        around = head_height(texts.title, texts.subtitle) + 0.26 + 0.5 + legend_height(texts.legend, room[0])
        pitch = max(0.2, room[1] - around) / lines
    # Letters take 0.58 of the distance between lines; below 4 points they are not legible.
    return min(9.0, max(4.0, 0.58 * pitch / POINT))
