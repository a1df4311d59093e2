"""Corrections of a family of p-values for multiplicity, with intervals that agree with them.

Use `holm` to bound the chance of any false finding, whatever the dependence between the
metrics (it is never worse than `bonferroni`); `dunnett` where several treatments meet one
control; `fdr_bh` to bound the share of false ones among the findings.
"""

from xpyrment_core import CorrectionDefinition, hookimpl

_P_VALUES = (
    ("bonferroni", "Bonferroni: p times the number of tests.", "bonferroni", "Bonferroni", ()),
    ("holm", "Holm's step-down Bonferroni: bounds the chance of any false finding.", "holm", "Holm-compatible", ()),
    (
        "hochberg",
        "Hochberg's step-up: as Holm, stronger, for independent or positively dependent tests.",
        "hochberg",
        "Hochberg-compatible",
        (),
    ),
    ("hommel", "Hommel: as Hochberg, at least as strong.", "hommel", "Hommel-compatible", ()),
    ("sidak", "Sidak: as Bonferroni, exact for independent tests.", "sidak", "Sidak", ()),
    ("holm-sidak", "Step-down Sidak: as Sidak, stronger.", "holm_sidak", "Holm-Sidak-compatible", ("holm_sidak",)),
    ("fdr_bh", "Benjamini-Hochberg: bounds the expected share of false findings.", "fcr_bh", "FCR", ("bh",)),
    ("fdr_by", "Benjamini-Yekutieli: as fdr_bh under any dependence.", "fcr_by", "FCR", ("by",)),
)


@hookimpl
def xpyrment_corrections() -> list[CorrectionDefinition]:
    """Offer the corrections."""
    of_p_values = [
        CorrectionDefinition(
            name=name,
            target=f"xpyrment_corrections.adjust:{name.replace('-', '_')}",
            summary=summary,
            intervals=f"xpyrment_corrections.intervals:{intervals}",
            interval_label=label,
            aliases=aliases,
        )
        for name, summary, intervals, label, aliases in _P_VALUES
    ]
    return [
        *of_p_values,
        CorrectionDefinition(
            name="dunnett",
            target="xpyrment_corrections.dunnett:dunnett",
            summary="Dunnett: several treatments against one control, within each metric.",
            interval_label="Dunnett",
            needs="effects",
        ),
    ]
