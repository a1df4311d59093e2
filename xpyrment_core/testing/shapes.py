"""Distributions of simulated data: five shapes that occur in practice."""

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import frozen
from numpy.random import Generator
from numpy.typing import NDArray

Values = NDArray[np.float64]
Draw = Callable[[Generator, Any, float], Values]


@frozen
class Shape:
    """A distribution per arm.

    Attributes
    ----------
    name : str
    n : pair of int
        Units of control and treatment.
    draw : pair of callable
        ``(generator, size, mean) -> values`` per arm.
    mean, effect : float
        Control mean, and the effect added to treatment under the alternative.
    """

    name: str
    n: tuple[int, int]
    draw: tuple[Draw, Draw]
    mean: float
    effect: float

    def experiments(self, generator: Generator, k: int, effect: float) -> tuple[Values, Values]:
        """Return k experiments, arrays of shape (k, n) per arm."""
        (draw_control, draw_treatment), (n_control, n_treatment) = self.draw, self.n
        control = draw_control(generator, (k, n_control), self.mean)
        return control, draw_treatment(generator, (k, n_treatment), self.mean + effect)


def _normal(sd: float) -> Draw:
    def draw(g: Generator, size: Any, mean: float) -> Values:
        return np.asarray(mean + sd * g.standard_normal(size))

    return draw


def _exponential(g: Generator, size: Any, mean: float) -> Values:
    return np.asarray(mean - 2.0 + g.exponential(2.0, size))


def _bernoulli(g: Generator, size: Any, mean: float) -> Values:
    return np.asarray(g.random(size) < mean, dtype=np.float64)


def _heavy(g: Generator, size: Any, mean: float) -> Values:
    # Steps of 1/2 make ties; five degrees of freedom make outliers. Symmetric, so its mean is `mean`.
    return np.asarray(mean + np.round(2 * g.standard_t(5, size)) / 2)


SHAPES: dict[str, Shape] = {
    shape.name: shape
    for shape in (
        # Sizes are small, for speed, yet large enough for normal approximations to stay within the bands. The larger
        # variance in the smaller arm ("unequal") breaks tests that pool variances.
        Shape("normal", (60, 60), (_normal(2.0), _normal(2.0)), 10.0, 1.0),
        Shape("unequal", (150, 50), (_normal(1.0), _normal(3.0)), 10.0, 1.0),
        Shape("skewed", (200, 200), (_exponential, _exponential), 5.0, 0.5),
        Shape("binary", (300, 300), (_bernoulli, _bernoulli), 0.3, 0.1),
        Shape("heavy", (200, 200), (_heavy, _heavy), 10.0, 0.25),
    )
}
"""For tests of estimates or samples."""

COUNT_SHAPES: dict[str, Shape] = {
    shape.name: shape
    for shape in (
        Shape("balanced", (150, 150), (_bernoulli, _bernoulli), 0.5, 0.1),
        Shape("unequal", (300, 100), (_bernoulli, _bernoulli), 0.3, 0.1),
        # 18 expected successes per arm, where normal approximations of counts begin to fail.
        Shape("rare", (600, 600), (_bernoulli, _bernoulli), 0.03, 0.02),
        Shape("frequent", (300, 200), (_bernoulli, _bernoulli), 0.85, 0.05),
        Shape("small", (70, 60), (_bernoulli, _bernoulli), 0.25, 0.2),
    )
}
"""For tests of counts."""


Columns = dict[str, Values]
Sampler = Callable[[Generator, int], Columns]


@frozen
class ColumnShape:
    """Units per arm, and the columns of n units of either arm."""

    n: tuple[int, int]
    sample: Callable[[Generator, int, tuple[str, ...]], Columns]


def _together(make: Callable[[Generator, int, Values], Values]) -> Callable[[Generator, int, tuple[str, ...]], Columns]:
    """Return a sampler whose columns share each unit's activity, as clicks and views do."""

    def sample(g: Generator, n: int, columns: tuple[str, ...]) -> Columns:
        # Mean 1 and variance 1/4, shared by the columns of a unit: ratios then have correlated parts.
        activity = g.gamma(4.0, 0.25, n)
        return {column: make(g, n, activity) for column in columns}

    return sample


_like_normal = _together(lambda g, n, a: 10 + a + g.standard_normal(n))
_like_spend = _together(lambda g, n, a: np.asarray(a * g.exponential(3.0, n) + 0.1))
_like_clicks = _together(lambda g, n, a: (g.random(n) < 0.3).astype(np.float64))
_like_counts = _together(lambda g, n, a: np.asarray(1.0 + g.poisson(5 * a)))

COLUMN_SHAPES: dict[str, ColumnShape] = {
    "normal": ColumnShape((300, 300), _like_normal),
    "unequal": ColumnShape((900, 300), _like_normal),
    "skewed": ColumnShape((600, 600), _like_spend),
    "binary": ColumnShape((500, 500), _like_clicks),
    "counts": ColumnShape((400, 400), _like_counts),
}
"""For metrics: any number of columns, correlated within a unit, positive on average."""
