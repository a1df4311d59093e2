"""Effects to inject into resampled rows."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_core import Experiment, InputError, MetricSpec, unknown

if TYPE_CHECKING:
    import pandas as pd


@frozen
class Shift:
    """A change of one metric in the treatment arm.

    Attributes
    ----------
    size : float
        In the metric's unit, or as a share of its value.
    relative : bool
    """

    size: float
    relative: bool

    @classmethod
    def parse(cls, metric: str, effect: Any) -> "Shift":
        """Read ``0.5`` (the metric's unit) or ``"5%"`` (of its value).

        Examples
        --------
        >>> Shift.parse("revenue", "5%")
        Shift(size=0.05, relative=True)
        """
        text = str(effect).strip()
        relative = text.endswith("%")
        try:
            size = float(text.removesuffix("%")) / (100 if relative else 1)
        except ValueError:
            size = float("nan")
        if not np.isfinite(size) or (relative and size <= -1):
            raise InputError(
                f"effect of metric {metric!r} must be a number in its unit or a percentage such as '5%', "
                f"got {effect!r}."
            )
        return cls(size, relative)


Injector = Callable[["pd.DataFrame", NDArray[np.bool_], np.random.Generator], "pd.DataFrame"]


def injector(experiment: Experiment, effect: Any) -> Injector:
    """Return a function that changes the treated rows of a frame.

    Parameters
    ----------
    experiment : Experiment
    effect : number, percentage, mapping of metric name to those, or callable
        One value is for every metric. A callable gets ``(frame, treated, rng)`` and returns the
        frame; use it for effects that are neither a shift nor a scaling.

    Raises
    ------
    InputError
        An unknown metric, an effect that is neither a number nor a percentage, or a metric of
        several columns without a numerator.
    """
    if callable(effect):
        custom: Injector = effect
        return custom
    specs = {spec.name: spec for spec in experiment.specs}
    effects = dict(effect) if isinstance(effect, Mapping) else dict.fromkeys(specs, effect)
    for name in effects:
        if name not in specs:
            raise unknown("effect: metric", name, specs)
    shifts = [(specs[name], Shift.parse(name, value)) for name, value in effects.items()]
    columns: dict[str, Shift] = {}
    for spec, shift in shifts:
        column = _column(spec)
        # Metrics of one column share its effect, which is applied once; two different ones contradict each other.
        if columns.setdefault(column, shift) != shift:
            raise InputError(
                f"two metrics have different effects on column {column!r}; give an effect for one of them."
            )

    return Shifts(tuple(shifts))


@frozen
class Shifts:
    """Changes the treated rows of a frame; a class, so that it can be pickled for other processes."""

    shifts: tuple[tuple[MetricSpec, Shift], ...]

    def __call__(self, frame: "pd.DataFrame", treated: NDArray[np.bool_], rng: np.random.Generator) -> "pd.DataFrame":
        """Return the frame with the effects on its treated rows."""
        done: set[str] = set()
        for spec, shift in self.shifts:
            column = _column(spec)
            if column not in done:
                done.add(column)
                frame[column] = _changed(spec, frame, column, treated, shift, rng)
        return frame


def _column(spec: MetricSpec) -> str:
    """Return the column to change: the metric's only column, or a ratio's numerator."""
    numerator = getattr(spec.metric, "numerator_col", None)
    if numerator is not None:
        return str(numerator)
    if len(spec.sources) == 1:
        return spec.sources[0]
    raise InputError(
        f"metric {spec.name!r} reads {len(spec.sources)} columns, so how to inject an effect is not clear; "
        f"pass a function (frame, treated, rng) -> frame as the effect."
    )


def _changed(
    spec: MetricSpec,
    frame: "pd.DataFrame",
    column: str,
    treated: NDArray[np.bool_],
    shift: Shift,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    values = frame[column].to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    if getattr(spec.metric, "binary", False):
        return _flipped(spec.name, values, treated, shift, rng)
    if shift.relative:
        values[treated] *= 1 + shift.size
    else:
        denominator = getattr(spec.metric, "denominator_col", None)
        # (sum of y + size * sum of d) / sum of d = ratio + size.
        per_row = 1.0 if denominator is None else frame[denominator].to_numpy(dtype=np.float64)[treated]
        values[treated] += shift.size * per_row
    return values


def _flipped(
    name: str, values: NDArray[np.float64], treated: NDArray[np.bool_], shift: Shift, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Turn random failures into successes (or back), so that the column stays binary."""
    # Over both arms: nothing is injected yet, so all rows have the base rate.
    base = float(np.nanmean(values))
    target = base * (1 + shift.size) if shift.relative else base + shift.size
    if not 0 <= target <= 1:
        raise InputError(f"effect of metric {name!r} would move the proportion from {base:.4g} to {target:.4g}.")
    # One draw per row of either arm, so later draws do not depend on how many are treated.
    draws = rng.random(len(values))
    # A failure flips with probability (target - base) / (1 - base), which makes the expected rate the target.
    if target >= base:
        values[treated & (values == 0) & (draws < (target - base) / (1 - base if base < 1 else 1))] = 1.0
    else:
        values[treated & (values == 1) & (draws < (base - target) / base)] = 0.0
    return values
