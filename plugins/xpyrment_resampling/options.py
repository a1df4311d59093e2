"""Options that the bootstrap and the permutation test share: the number of resamples and the seed."""

from typing import Any

from attrs import Attribute, field, frozen

from xpyrment_core import InputError

# alpha * (replicates + 1) is a whole number for the usual levels: then a Monte Carlo test is exact.
REPLICATES = 9_999
SEED = 20_240_229


def at_least_99(instance: Any, attribute: "Attribute[Any]", value: object) -> None:
    """Raise InputError unless `value` is a usable number of replicates."""
    # With 99 resamples the smallest two-sided p-value is 0.02; with fewer than 40 no test at 0.05 rejects.
    if not isinstance(value, int) or isinstance(value, bool) or value < 99:
        raise InputError(
            f"replicates must be a whole number, at least 99, got {value!r}; usual values are 999 and 9999."
        )


def is_seed(instance: Any, attribute: "Attribute[Any]", value: object) -> None:
    """Raise InputError unless `value` can seed a generator."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InputError(f"seed must be a whole number, 0 or more, got {value!r}.")


@frozen
class ResamplingOptions:
    """Number of resamples and seed of a resampling test, checked."""

    replicates: int = field(default=REPLICATES, validator=at_least_99)
    seed: int = field(default=SEED, validator=is_seed)
