"""Adapter with which the kit calls a test: plain values per arm, on experiments of every shape."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from attrs import frozen

from xpyrment_core.choices import Alternative, Needs
from xpyrment_core.errors import NotEstimable
from xpyrment_core.stats.delta_method import ColumnMean, estimate, linearise
from xpyrment_core.testing.shapes import COUNT_SHAPES, SHAPES, Shape, Values
from xpyrment_core.testing.simulation import ALPHA, seeded
from xpyrment_core.values.estimates import Counts, Effect
from xpyrment_core.values.moments import Moments
from xpyrment_core.values.samples import ArmSample

COLUMN = "y"


@frozen(kw_only=True, eq=False)
class TestSubject:
    """A test, called with plain values per arm.

    Attributes
    ----------
    call : callable
        ``(control, treatment, alpha, alternative) -> Effect``.
    needs : {"estimates", "counts", "samples"}
    conservative : bool
        Its level may be below 0.05, and its coverage above 95 %.
    shift : bool
        Adding a number to every unit of both arms changes nothing: True for tests of means.
    estimand : callable, "means" or None
        What the interval covers: the difference of means, ``(control, treatment) -> effect``
        of very large arms, or nothing to be simulated.
    fast : bool
    rtol : float
        Relative tolerance of numbers that should be equal.
    """

    __test__ = False  # not a test class for pytest

    call: Callable[..., Effect]
    needs: Needs = "estimates"
    conservative: bool = False
    shift: bool = True
    estimand: Any = "means"
    fast: bool = False
    # Tests may sum in another order (1e-12) or solve for interval bounds to about 1e-9.
    rtol: float = 1e-8

    @property
    def shapes(self) -> dict[str, Shape]:
        """The data on which it is simulated."""
        return COUNT_SHAPES if self.needs == "counts" else SHAPES

    def arm(self, values: Values) -> Any:
        """Return one arm in the form that the test takes."""
        if self.needs == "counts":
            return Counts(int(np.sum(values)), len(values))
        if self.needs == "samples":
            return ArmSample({COLUMN: values}, metric=ColumnMean(COLUMN))
        return estimate(linearise([ColumnMean(COLUMN)], Moments.of({COLUMN: values})))

    def __call__(
        self, control: Values, treatment: Values, alpha: float = ALPHA, alternative: Alternative = "two-sided"
    ) -> Effect:
        """Run the test on the values of both arms."""
        return self.call(self.arm(control), self.arm(treatment), alpha, alternative)


SETTINGS: tuple[tuple[float, Alternative], ...] = (
    (0.05, "two-sided"), (0.05, "greater"), (0.05, "less"), (0.3, "two-sided"),
)  # fmt: skip


@lru_cache(maxsize=4)
def experiments_of(subject: TestSubject) -> tuple[tuple[Values, Values], ...]:
    """Return some experiments of every shape, with and without an effect, that are estimable."""
    experiments = []
    for name, shape in subject.shapes.items():
        for effect in (0.0, shape.effect, -shape.effect / 2):
            control, treatment = (arm[0] for arm in shape.experiments(seeded(f"{name} {effect}"), 1, effect))
            try:
                # Copies, so that a test that changes its input fails `pure` only, and not the checks after it.
                subject(control.copy(), treatment.copy())
            except NotEstimable:
                continue
            experiments.append((control, treatment))
    assert experiments, "it raises NotEstimable for every experiment"
    return tuple(experiments)


@lru_cache(maxsize=512)
def answer(subject: TestSubject, at: int, alpha: float = ALPHA, alternative: Alternative = "two-sided") -> Effect:
    """Return the effect in one of the experiments; cached, because many checks use it."""
    control, treatment = experiments_of(subject)[at]
    return subject(control.copy(), treatment.copy(), alpha, alternative)


def answers(subject: TestSubject) -> Iterator[tuple[Values, Values, Effect]]:
    """Yield each experiment, as copies of its own, with the two-sided effect."""
    for at, (control, treatment) in enumerate(experiments_of(subject)):
        yield control.copy(), treatment.copy(), answer(subject, at)
