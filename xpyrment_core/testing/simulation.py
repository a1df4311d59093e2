"""Estimates error rates by sequential simulation, with an early decision."""

from collections.abc import Callable
from zlib import crc32

import numpy as np
from numpy.random import Generator

from xpyrment_core.stats.binomial import Rate, rate

# Doubling: a clear case ends at 500, and the last look has a standard error of sqrt(.05 * .95 / 16,000) = 0.0017,
# a ninth of the band's half-width, so that 0.05 itself is never refused.
LOOKS = (500, 1_000, 2_000, 4_000, 8_000, 16_000)
FAST_LOOKS = LOOKS[:3]
ERROR = 1e-4
"""Probability that the bounds of one check exclude the true rate at any look (Bonferroni over the looks)."""

# Bradley's (1978) liberal criterion of robustness is 0.5 to 1.5 alpha; this is tighter, 0.7 to 1.3 alpha.
LEVEL_BAND = (0.035, 0.065)
COVERAGE_BAND = (0.935, 0.965)
ALPHA = 0.05

Batch = Callable[[Generator, int], tuple[int, int]]


def seeded(name: str) -> Generator:
    """Return a generator that depends on the check's name only, so that a pass can be repeated."""
    # crc32, because hash() of text differs between processes.
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
        ``(generator, k) -> (hits, trials)`` of k more experiments; those without a result are not trials.
    band : pair of float
        Acceptable rates.
    fast : bool
        Stop at 2,000 experiments, where only gross errors are certain. The full run has up to
        16,000 and then decides by the estimated rate.

    Returns
    -------
    Rate or None
        None if no experiment had a result.

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
        # Fail early only if the whole interval is outside the band, pass early only if it is inside.
        assert result.low <= band[1] and result.high >= band[0], _off(what, result, band)
        if band[0] <= result.low and result.high <= band[1]:
            return result
    if result is not None and not fast:
        assert band[0] <= result.count / result.n <= band[1], _off(what, result, band)
    return result


def _off(what: str, rate: Rate, band: tuple[float, float]) -> str:
    share = f"{rate.count / rate.n:.3f} [{rate.low:.3f}, {rate.high:.3f}] in {rate.n:,} experiments"
    return f"{what}: {share}, expected {band[0]:g} to {band[1]:g}"


def level_band(conservative: bool) -> tuple[float, float]:
    """Return the acceptable type I error rates at level 0.05."""
    return (0.0, LEVEL_BAND[1]) if conservative else LEVEL_BAND


def coverage_band(conservative: bool) -> tuple[float, float]:
    """Return the acceptable coverage of 95 % intervals."""
    return (COVERAGE_BAND[0], 1.0) if conservative else COVERAGE_BAND
