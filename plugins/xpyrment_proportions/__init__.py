"""Compare two proportions: conversions, retention, anything that is 0 or 1 per unit.

Use `score`, the default of proportions: it holds its level for rare events and unequal
arms, and its intervals of the difference and of the lift agree with its p-value.
`newcombe` and `miettinen-nurminen` are the usual intervals of the literature. `fisher`,
`barnard` and `boschloo` are exact: they never exceed their level, but have less power.
"""

from xpyrment_core import TestDefinition, hookimpl


@hookimpl
def xpyrment_tests() -> list[TestDefinition]:
    """Offer the tests of successes out of trials."""
    return [
        TestDefinition(
            name="score",
            target="xpyrment_proportions.score:score",
            summary="Score test with skewness correction: rare events and unequal arms included.",
            needs="counts",
        ),
        TestDefinition(
            name="miettinen-nurminen",
            target="xpyrment_proportions.score:miettinen_nurminen",
            summary="Score test without skewness correction, for arms of similar size.",
            needs="counts",
            aliases=("mn",),
        ),
        TestDefinition(
            name="newcombe",
            target="xpyrment_proportions.newcombe:newcombe",
            summary="Newcombe's hybrid score interval, and the p-value that goes with it.",
            needs="counts",
        ),
        TestDefinition(
            name="fisher",
            target="xpyrment_proportions.fisher:fisher",
            summary="Fisher's exact test, with the odds ratio.",
            needs="counts",
        ),
        TestDefinition(
            name="barnard",
            target="xpyrment_proportions.unconditional:barnard",
            summary="Barnard's unconditional exact test.",
            needs="counts",
        ),
        TestDefinition(
            name="boschloo",
            target="xpyrment_proportions.unconditional:boschloo",
            summary="Boschloo's unconditional exact test: never weaker than Fisher's.",
            needs="counts",
        ),
    ]
