"""What a plot backend draws: one tidy table, made once, the same for every library."""

from typing import Any, Literal

from attrs import field, frozen

PlotKind = Literal["forest", "love", "power"]


@frozen(kw_only=True)
class ForestRow:
    """One line of a forest plot.

    Attributes
    ----------
    label : str
        Metric, and variant where there are several.
    lift, low, high : float or None
        Relative effect and its interval as fractions; None where not estimable, and
        infinite at the open end of a one-sided interval.
    significant : bool
        Whether the (corrected) p-value is below alpha.
    note : str
        Why there is nothing to draw, else ``""``.
    """

    label: str
    lift: float | None
    low: float | None
    high: float | None
    p_value: float | None = None
    significant: bool = False
    favourable: bool | None = None
    note: str = ""


@frozen(kw_only=True)
class PlotData:
    """A plot without a library.

    Attributes
    ----------
    kind : {"forest", "love", "power"}
    title : str
    rows : tuple of ForestRow (or of the kind's own rows)
    level : float
        Confidence level of the intervals drawn.
    options : dict
        Further facts of the kind (axis labels, thresholds).
    """

    kind: PlotKind
    title: str
    rows: tuple[Any, ...]
    level: float = 0.95
    options: dict[str, Any] = field(factory=dict)
