"""The values of a plot: what a backend is given, a line or a curve at a time."""

from typing import Any, Literal

from attrs import frozen

from xpyrment_core.values.verdicts import Verdict

PlotKind = Literal["forest", "love", "power"]


@frozen(kw_only=True)
class ForestRow:
    """One line of a forest plot.

    Attributes
    ----------
    label : str
        Metric, or the variant where `group` names the metric.
    lift, low, high : float or None
        Relative effect and its interval as fractions; None where not estimable, and
        infinite at the open end of a one-sided interval.
    group : str
        Heading that the rows of one metric share where it has several treatments, else ``""``.
    p_value : float or None
        Of the test, corrected where a correction was asked for.
    verdict : Verdict
        What the row says, which is what colours mean; ``"not estimable"`` without a lift.
    outer_low, outer_high : float or None
        The simultaneous interval that agrees with the corrected p-value, where there is one.
    margin : float or None
        Margin that the p-value tests against, as a relative effect.
    equivalence : bool
        Whether the margin is two-sided.
    hint : str
        What a reader needs beside the name, such as ``"lower is better"``.
    note : str
        Why there is nothing to draw, else ``""``.
    """

    label: str
    lift: float | None
    low: float | None
    high: float | None
    group: str = ""
    p_value: float | None = None
    verdict: Verdict = "inconclusive"
    outer_low: float | None = None
    outer_high: float | None = None
    margin: float | None = None
    hint: str = ""
    note: str = ""
    equivalence: bool = False

    @property
    def margin_name(self) -> str:
        """What the margin is called."""
        return "equivalence margin" if self.equivalence else "non-inferiority margin"

    @property
    def margins(self) -> tuple[float, ...]:
        """The bounds of the margin: none, one, or two for equivalence."""
        if self.margin is None:
            return ()
        return (-abs(self.margin), abs(self.margin)) if self.equivalence else (self.margin,)


@frozen(kw_only=True)
class LoveRow:
    """One dot of a love plot: a covariate in one treatment against control.

    Attributes
    ----------
    label : str
        The covariate.
    smd : float or None
        Standardized mean difference, treatment minus control; None where not estimable.
    treatment : str
        The variant compared with control.
    note : str
        Why there is no number, else ``""``.
    """

    label: str
    smd: float | None
    treatment: str = "treatment"
    note: str = ""


@frozen(kw_only=True)
class PowerSeries:
    """One power curve.

    Attributes
    ----------
    label : str
        What tells the curves apart; may be ``""`` where there is one only.
    x : tuple of float
        Sample size or effect, increasing.
    power : tuple of float
        Power at each `x`, between 0 and 1.
    """

    label: str
    x: tuple[float, ...]
    power: tuple[float, ...]


@frozen
class Mark:
    """A point worth naming on a power curve: ``(6280, 0.8, "6,280 per arm")``."""

    x: float
    y: float
    text: str


@frozen(kw_only=True)
class PlotData:
    """A plot without a library.

    Attributes
    ----------
    kind : {"forest", "love", "power"}
    title : str
    subtitle : str
        How to read it: level of the intervals, correction.
    rows : tuple of ForestRow, LoveRow or PowerSeries, by `kind`
    level : float
        Confidence level of the intervals drawn.
    x_label : str
        What the horizontal axis shows.
    threshold : float or None
        The line to compare with: flagged absolute SMD (love), target power (power).
    marks : tuple of Mark
        Points to name (power).
    """

    kind: PlotKind
    title: str
    rows: tuple[Any, ...]
    level: float = 0.95
    subtitle: str = ""
    x_label: str = ""
    threshold: float | None = None
    marks: tuple[Mark, ...] = ()
