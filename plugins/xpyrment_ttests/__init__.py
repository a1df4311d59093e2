"""Tests that compare two estimates by their difference over its standard error.

Use `welch`, the default: it does not assume equal variances. `student` pools the
variances, as classical regression does. `z` uses the normal distribution instead of the
t distribution, as some reporting tools do; with hundreds of units the results agree. `cr2` is
for few units with several rows each, such as stores or cities.
"""

from xpyrment_core import TestDefinition, hookimpl


@hookimpl
def xpyrment_tests() -> list[TestDefinition]:
    """Offer welch, student, z and cr2."""
    return [
        TestDefinition(
            name="welch",
            target="xpyrment_ttests.wald:welch",
            summary="Welch's t-test: variances may differ between variants.",
            aliases=("t",),
            default=True,
        ),
        TestDefinition(
            name="student",
            target="xpyrment_ttests.wald:student",
            summary="Student's t-test: one variance for both variants.",
        ),
        TestDefinition(
            name="z",
            target="xpyrment_ttests.wald:z",
            summary="The normal approximation to Welch's test, for large samples.",
        ),
        TestDefinition(
            name="cr2",
            target="xpyrment_ttests.cr2:cr2",
            summary="CR2 variance between units, for few units with several rows each.",
            needs="samples",
            clustered=True,
        ),
    ]
