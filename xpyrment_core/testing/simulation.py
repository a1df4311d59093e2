"""Rates by simulation, decided as early as the numbers allow."""

from collections.abc import Callable
from zlib import crc32

import numpy as np
from attrs import frozen
from numpy.random import Generator

from xpyrment_core.stats.binomial import clopper_pearson

LOOKS = (500, 1_000, 2_000, 4_000, 8_000, 16_000)
FAST_LOOKS = LOOKS[:3]
ERROR = 1e-4
"""Chance that the bounds of one check miss the true rate at any look, shared over the looks."""

LEVEL_BAND = (0.035, 0.065)
COVERAGE_BAND = (0.935, 0.965)
ALPHA = 0.05

Batch = Callable[[Generator, int], tuple[int, int]]


@frozen
class Rate:
    """How often something happened in simulated experiments, with exact bounds."""

    hits: int
    trials: int
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.hits / self.trials:.3f} [{self.low:.3f}, {self.high:.3f}] in {self.trials:,} experiments"


def seeded(name: str) -> Generator:
    """Return a generator that depends on the check's name only, so that a pass can be repeated."""
    return np.random.default_rng(crc32(name.encode()))


def judge(name: str, what: str, batch: Batch, band: tuple[float, float], fast: bool = False) -> Rate | None:
    """Simulate until the rate is inside or outside the band.

    Parameters
    ----------
    name : str
        Seeds the simulation.
    what : str
        What is counted, for the message.
    batch : callable
        ``(generator, k) -> (hits, trials)`` of k more experiments; those without an answer are no trials.
    band : pair of float
        Rates that are right.
    fast : bool
        Stop at 2,000 experiments, where only a gross error is certain. The full run goes to
        16,000 and then goes by the rate itself.

    Returns
    -------
    Rate or None
        None where no experiment had an answer.

    Raises
    ------
    AssertionError
        The rate is outside.
    """
    generator, hits, trials, done = seeded(name), 0, 0, 0
    looks = FAST_LOOKS if fast else LOOKS
    rate = None
    for look in looks:
        more_hits, more_trials = batch(generator, look - done)
        hits, trials, done = hits + more_hits, trials + more_trials, look
        if not trials:
            continue
        rate = Rate(hits, trials, *clopper_pearson(hits, trials, ERROR / len(looks)))
        assert rate.low <= band[1] and rate.high >= band[0], _off(what, rate, band)
        if band[0] <= rate.low and rate.high <= band[1]:
            return rate
    if rate is not None and not fast:
        assert band[0] <= rate.hits / rate.trials <= band[1], _off(what, rate, band)
    return rate


def _off(what: str, rate: Rate, band: tuple[float, float]) -> str:
    return f"{what}: {rate}, wanted {band[0]:g} to {band[1]:g}"


def level_band(conservative: bool) -> tuple[float, float]:
    """Return the rates of false findings that are right at level 0.05."""
    return (0.0, LEVEL_BAND[1]) if conservative else LEVEL_BAND


def coverage_band(conservative: bool) -> tuple[float, float]:
    """Return the coverage that is right for 95 % intervals."""
    return (COVERAGE_BAND[0], 1.0) if conservative else COVERAGE_BAND
