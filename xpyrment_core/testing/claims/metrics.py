"""Claims that hold for every metric: functions of means, derived columns and sample statistics."""

import copy
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from attrs import frozen
from numpy.random import Generator

from xpyrment_core.analysis.compare import ArmData, Prepared, prepare
from xpyrment_core.analysis.metric_spec import MetricSpec
from xpyrment_core.analysis.plan import Method, Task
from xpyrment_core.data.query import RowSet, Term
from xpyrment_core.errors import InputError, NotEstimable
from xpyrment_core.registry.provenance import Provenance
from xpyrment_core.stats.delta_method import gradient
from xpyrment_core.stats.wald import wald
from xpyrment_core.testing.running import Check, close, global_randomness_untouched, unchanged
from xpyrment_core.testing.shapes import COLUMN_SHAPES, Columns, ColumnShape
from xpyrment_core.testing.simulation import ALPHA, judge, level_band, seeded
from xpyrment_core.values.estimates import Effect, Estimate
from xpyrment_core.values.moments import Moments
from xpyrment_core.values.samples import ArmSample

PROVENANCE = Provenance("test", "wald", "kit", "xpyrment", "0")
RTOL = 1e-9
SLOPES = 1e-5
"""Agreement of an analytic gradient with central differences, whose own error is about 1e-10 of the value."""


def _difference(control: Estimate, treatment: Estimate, alpha: float, alternative: Any) -> Effect:
    return wald(control, treatment, alpha=alpha, alternative=alternative, df=None)


@frozen(kw_only=True, eq=False)
class MetricSubject:
    """A metric, with the data on which it is checked.

    Attributes
    ----------
    metric : object
        With ``name``, ``columns`` and ``value(means)`` (or ``estimate(sample)``).
    sample : callable or None
        ``(generator, n) -> {column: values}`` of n units, if the default columns (positive
        numbers, correlated within a unit) do not suit the metric.
    conservative : bool
        Its variance may be too large, so that tests reject too rarely.
    fast : bool
    """

    metric: Any
    sample: Callable[[Generator, int], Columns] | None = None
    conservative: bool = False
    fast: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        """Data columns that the metric reads."""
        return tuple(getattr(self.metric, "sources", self.metric.columns))

    @property
    def reads(self) -> Any:
        """Data that the metric is computed from."""
        if hasattr(self.metric, "derive"):
            return "derived"
        return "moments" if hasattr(self.metric, "value") else "samples"

    @property
    def shapes(self) -> dict[str, ColumnShape]:
        """The data on which it is checked."""
        own = self.sample
        if own is not None:
            return {
                "own": ColumnShape((500, 500), lambda g, n, _: own(g, n)),
                # Unequal arms, because a variance of the wrong arm only shows there.
                "own_unequal": ColumnShape((1200, 400), lambda g, n, _: own(g, n)),
            }
        if getattr(self.metric, "binary", False):
            return {"binary": COLUMN_SHAPES["binary"]}
        return COLUMN_SHAPES

    def prepared(self, control: Columns, treatment: Columns, moments: Any = None) -> Prepared:
        """Run both arms through the analysis' own estimation.

        Raises
        ------
        NotEstimable
            As the analysis would report it.
        """
        rows = RowSet(self.metric.name, self.sources, tuple(Term(c, c) for c in self.sources))
        task = Task(
            spec=MetricSpec(metric=self.metric, label="Metric"),
            test=Method(name="wald", call=_difference, provenance=PROVENANCE),
            adjuster=None,
            covariates=(),
            row_set=rows,
        )
        columns = [{c: arm[c] for c in self.sources} for arm in (control, treatment)]
        moments = moments or [Moments.of(arm) for arm in columns]
        samples = [None if self.reads == "moments" else ArmSample(arm) for arm in columns]
        arms = [ArmData(moments=m, sample=s) for m, s in zip(moments, samples, strict=True)]
        # The path of a real analysis, so that derived columns and samples are covered as well.
        return prepare(task, arms[0], arms[1], {}, repeated=False)

    def estimates(self, control: Columns, treatment: Columns, moments: Any = None) -> tuple[Estimate, Estimate]:
        """Return the estimate of each arm."""
        pair = self.prepared(control, treatment, moments).raw
        assert pair is not None
        return pair


def metric_checks(subject: MetricSubject, statistical: bool = True) -> Iterator[Check]:
    """Yield every check that applies to a metric."""
    claims = [contract, row_order, pure, degenerate]
    if subject.reads == "moments":
        claims += [slopes, chunks]
    for claim in claims:
        yield Check(claim.__name__, partial(claim, subject))
    for name in subject.shapes if statistical else ():
        yield Check(f"level_{name}", partial(level, subject, name), True)


def _arms(subject: MetricSubject) -> Iterator[tuple[Columns, Columns]]:
    """Yield an experiment of each shape that the metric can be estimated in."""
    estimable = 0
    for name, shape in subject.shapes.items():
        generator = seeded(f"metric {name}")
        arms = tuple(shape.sample(generator, n, subject.sources) for n in shape.n)
        _need_columns(subject, arms[0])
        try:
            subject.estimates(*copy.deepcopy(arms))
        except NotEstimable:
            continue
        estimable += 1
        yield arms[0], arms[1]
    assert estimable, "it is not estimable on any of the data; give sample=(generator, n) -> {column: values}"


def _need_columns(subject: MetricSubject, columns: Columns) -> None:
    missing = [c for c in subject.sources if c not in columns]
    if missing:
        raise InputError(f"sample() returns no column {missing[0]!r}; the metric reads {', '.join(subject.sources)}.")


def contract(subject: MetricSubject) -> None:
    """The metric has a name and columns, and a finite value with positive variance in each arm."""
    metric = subject.metric
    assert isinstance(metric.name, str) and metric.name, f"its name is {metric.name!r}"
    names = metric.columns
    assert isinstance(names, tuple) and names, f"columns must be a tuple of names, got {names!r}"
    assert all(isinstance(c, str) for c in (*names, *subject.sources)), f"columns must be names, got {names!r}"
    for control, treatment in _arms(subject):
        for estimate, arm in zip(subject.estimates(control, treatment), (control, treatment), strict=True):
            assert math.isfinite(estimate.value), f"its value is {estimate.value!r}"
            assert estimate.unit_variance > 0, f"its variance per unit is {estimate.unit_variance!r}"
            n = len(arm[subject.sources[0]])
            assert estimate.n == n, f"n is {estimate.n}, expected {n} units"


def slopes(subject: MetricSubject) -> None:
    """The gradient agrees with central differences of the value."""
    metric = subject.metric
    for control, _ in _arms(subject):
        means = Moments.of({c: control[c] for c in metric.columns}).means
        analytic = gradient(metric, dict(means))
        for column, slope in zip(metric.columns, analytic, strict=True):
            # Near the cube root of the machine precision, where truncation and rounding of the difference are balanced.
            step = 1e-5 * max(abs(means[column]), 1e-3)
            high, low = (float(metric.value(means | {column: means[column] + s})) for s in (step, -step))
            numeric = (high - low) / (2 * step)
            size = abs(float(metric.value(means))) / max(abs(means[column]), 1e-3)
            assert close(float(slope), numeric, SLOPES, SLOPES * size), (
                f"the slope by {column!r} is {slope:.6g}, central differences give {numeric:.6g}"
            )


def row_order(subject: MetricSubject) -> None:
    """Estimates are invariant to the order of the units."""
    generator = seeded("order")
    for arms in _arms(subject):
        moved = []
        for arm in arms:
            order = generator.permutation(len(arm[subject.sources[0]]))
            moved.append({c: values[order] for c, values in arm.items()})
        _assert_equal(subject.estimates(*arms), subject.estimates(*moved), "another order of the units")


def chunks(subject: MetricSubject) -> None:
    """Moments merged from parts give the same estimates."""
    for arms in _arms(subject):
        merged = []
        for arm in arms:
            total = Moments.empty(subject.sources)
            for rows in np.array_split(np.arange(len(arm[subject.sources[0]])), 5):
                total = total + Moments.of({c: arm[c][rows] for c in subject.sources})
            merged.append(total)
        _assert_equal(subject.estimates(*arms), subject.estimates(*arms, merged), "reading the data in chunks")


def _assert_equal(before: tuple[Estimate, Estimate], after: tuple[Estimate, Estimate], what: str) -> None:
    for old, new in zip(before, after, strict=True):
        assert close(new.value, old.value, RTOL, 1e-12), f"{what} changed the value from {old.value!r} to {new.value!r}"
        assert close(new.variance, old.variance, RTOL), (
            f"{what} changed the variance from {old.variance!r} to {new.variance!r}"
        )


def pure(subject: MetricSubject) -> None:
    """The estimate is deterministic, and changes neither its input nor the global random state."""
    for arms in _arms(subject):
        values = [values for arm in arms for values in arm.values()]
        with unchanged(*values), global_randomness_untouched():
            first = subject.estimates(*arms)
        assert first == subject.estimates(*arms), "two calls with the same data gave different numbers"
        if subject.reads == "moments":
            means = Moments.of(arms[0]).means
            before = dict(means)
            subject.metric.value(means)
            assert means == before, "value() changed the means it was given"


def degenerate(subject: MetricSubject) -> None:
    """Where the metric is not defined it raises NotEstimable (value() may divide by 0); no estimate is NaN."""
    control, treatment = next(_arms(subject))
    first = {c: values[:1] for c, values in control.items()}
    cases = {
        "an empty arm": {c: values[:0] for c, values in control.items()},
        "one unit": first,
        "constant columns": {c: np.repeat(values, 30) for c, values in first.items()},
        "columns of zeros": {c: np.zeros(30) for c in control},
    }
    for what, arm in cases.items():
        try:
            pair = subject.estimates(arm, treatment)
        except NotEstimable as error:
            assert error.reason, f"{what}: NotEstimable without a reason"
            continue
        # A variance needs two units; constant data may have a valid variance of 0.
        assert what not in ("an empty arm", "one unit"), f"{what} gave {pair[0]}, expected NotEstimable"
        assert math.isfinite(pair[0].value), f"{what}: its value is {pair[0].value!r}"
        assert pair[0].unit_variance >= 0, f"{what}: its variance per unit is {pair[0].unit_variance!r}"


def level(subject: MetricSubject, name: str) -> None:
    """The standard error is valid: without an effect, ``|difference| > 1.96 SE`` in 5 % of experiments."""
    shape = subject.shapes[name]

    def batch(generator: Generator, k: int) -> tuple[int, int]:
        hits = trials = 0
        for _ in range(k):
            arms = [shape.sample(generator, n, subject.sources) for n in shape.n]
            try:
                effect = _difference(*subject.estimates(*arms), ALPHA, "two-sided")
            except NotEstimable:
                continue
            trials += 1
            # A z test of both estimates: at hundreds of units its level depends on the standard error alone.
            hits += effect.p_value < ALPHA
        return hits, trials

    what = f"false findings at 5 %, {name} data"
    judge(f"metric {name}", what, batch, level_band(subject.conservative), subject.fast)
