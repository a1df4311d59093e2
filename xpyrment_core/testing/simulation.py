"""Rates by simulation, decided as early as the numbers allow."""

from collections.abc import Callable
from zlib import crc32

import numpy as np
from numpy.random import Generator

from xpyrment_core.stats.binomial import Rate, rate

LOOKS = (500, 1_000, 2_000, 4_000, 8_000, 16_000)
FAST_LOOKS = LOOKS[:3]
ERROR = 1e-4
"""Chance that the bounds of one check miss the true rate at any look, shared over the looks."""

LEVEL_BAND = (0.035, 0.065)
COVERAGE_BAND = (0.935, 0.965)
ALPHA = 0.05

Batch = Callable[[Generator, int], tuple[int, int]]


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
    result = None
    for look in looks:
        more_hits, more_trials = batch(generator, look - done)
        hits, trials, done = hits + more_hits, trials + more_trials, look
        if not trials:
            continue
        result = rate(hits, trials, level=1 - ERROR / len(looks))
        assert result.low <= band[1] and result.high >= band[0], _off(what, result, band)
        if band[0] <= result.low and result.high <= band[1]:
            return result
    if result is not None and not fast:
        assert band[0] <= result.count / result.n <= band[1], _off(what, result, band)
    return result


def _off(what: str, rate: Rate, band: tuple[float, float]) -> str:
    share = f"{rate.count / rate.n:.3f} [{rate.low:.3f}, {rate.high:.3f}] in {rate.n:,} experiments"
    return f"{what}: {share}, wanted {band[0]:g} to {band[1]:g}"


def level_band(conservative: bool) -> tuple[float, float]:
    """Return the rates of false findings that are right at level 0.05."""
    return (0.0, LEVEL_BAND[1]) if conservative else LEVEL_BAND


def coverage_band(conservative: bool) -> tuple[float, float]:
    """Return the coverage that is right for 95 % intervals."""
    return (COVERAGE_BAND[0], 1.0) if conservative else COVERAGE_BAND
