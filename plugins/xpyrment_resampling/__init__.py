"""Tests that resample the units: bootstrap and permutation.

Use `bootstrap` where a mean or ratio is skewed and the units are few, or for a quantile;
`permutation` where the level must hold exactly when the variants do not differ. Both are
seeded: the same data give the same numbers, in any order of rows.
"""

from xpyrment_core import TestDefinition, hookimpl


@hookimpl
def xpyrment_tests() -> list[TestDefinition]:
    """Offer bootstrap and permutation."""
    return [
        TestDefinition(
            name="bootstrap",
            target="xpyrment_resampling.bootstrap:bootstrap",
            summary="Studentised bootstrap of any function of means; percentile bootstrap of quantiles.",
            needs="samples",
            clustered=True,
        ),
        TestDefinition(
            name="permutation",
            target="xpyrment_resampling.permutation:permutation",
            summary="Studentised permutation test, with the interval of shifts it does not reject.",
            needs="samples",
            clustered=True,
        ),
    ]
