"""Corrections of a family of p-values for multiplicity.

Use `holm` to bound the chance of any false finding, whatever the dependence between the
metrics (it is never worse than `bonferroni`); `fdr_bh` to bound the share of false ones among the findings.
"""

from xpyrment_core.definitions import CorrectionDefinition
from xpyrment_core.hookspecs import hookimpl


@hookimpl
def xpyrment_corrections() -> list[CorrectionDefinition]:
    """Offer the corrections."""
    return [
        CorrectionDefinition(
            name="bonferroni",
            target="xpyrment_corrections.adjust:bonferroni",
            summary="Bonferroni: p times the number of tests.",
        ),
        CorrectionDefinition(
            name="holm",
            target="xpyrment_corrections.adjust:holm",
            summary="Holm's step-down Bonferroni: bounds the chance of any false finding.",
        ),
        CorrectionDefinition(
            name="hochberg",
            target="xpyrment_corrections.adjust:hochberg",
            summary="Hochberg's step-up: as Holm, stronger, for independent or positively dependent tests.",
        ),
        CorrectionDefinition(
            name="fdr_bh",
            target="xpyrment_corrections.adjust:fdr_bh",
            summary="Benjamini-Hochberg: bounds the expected share of false findings.",
            aliases=("bh",),
        ),
        CorrectionDefinition(
            name="fdr_by",
            target="xpyrment_corrections.adjust:fdr_by",
            summary="Benjamini-Yekutieli: as fdr_bh under any dependence.",
            aliases=("by",),
        ),
    ]
