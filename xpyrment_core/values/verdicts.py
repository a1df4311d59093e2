"""Verdicts on a comparison: their names and the decision rule."""

from collections.abc import Mapping
from typing import Literal

Verdict = Literal[
    "better",
    "worse",
    "non-inferior",
    "equivalent",
    "inconclusive",
    "not established",
    "too early",
    "withheld",
    "not estimable",
]

MEANINGS: Mapping[Verdict, str] = {
    "better": "significant, in the metric's good direction",
    "worse": "significant, against the metric's good direction",
    "non-inferior": "a guardrail with a margin: significantly not worse than the margin allows",
    "equivalent": "a guardrail with a two-sided margin: the difference is significantly within the margin",
    "inconclusive": "not significant",
    "not established": "a guardrail with a margin: non-inferiority, or equivalence, is not significant",
    "too early": "looked at before the planned size was reached",
    "withheld": "too many rows belong to units in more than one variant; the units check says how many",
    "not estimable": "the comparison cannot be estimated; the reason says why",
}
# Only these are coloured and have a filled point in plots.
CONCLUSIVE: frozenset[Verdict] = frozenset({"better", "worse", "non-inferior", "equivalent"})
"""Verdicts with a significant p-value."""


def judge(
    p_value: float | None,
    effect: float | None,
    alpha: float,
    *,
    direction: str = "increase",
    margin: bool = False,
    equivalence: bool = False,
) -> Verdict | None:
    """Return the verdict for a p-value, or None without one.

    Parameters
    ----------
    p_value : float or None
        Corrected for multiplicity where a correction was asked for.
    effect : float or None
        Treatment minus control, on any scale: only its sign counts.
    alpha : float
    direction : {"increase", "decrease"}
        Direction of an improvement.
    margin : bool
        Whether the p-value tests non-inferiority against a margin, not a difference of zero.
    equivalence : bool
        Whether the p-value tests that the difference lies within a two-sided margin.

    Examples
    --------
    >>> judge(0.01, 0.4, 0.05), judge(0.01, 0.4, 0.05, direction="decrease"), judge(0.2, 0.4, 0.05)
    ('better', 'worse', 'inconclusive')
    >>> judge(0.01, -0.1, 0.05, margin=True), judge(0.2, -0.1, 0.05, margin=True)
    ('non-inferior', 'not established')
    """
    if p_value is None or effect is None:
        return None
    if equivalence:
        return "equivalent" if p_value < alpha else "not established"
    if margin:
        return "non-inferior" if p_value < alpha else "not established"
    # A rank test can be significant where the means are equal: there the effect has no direction.
    if not p_value < alpha or effect == 0:
        return "inconclusive"
    return "better" if (effect > 0) == (direction == "increase") else "worse"
