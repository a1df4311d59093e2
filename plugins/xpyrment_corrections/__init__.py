"""Multiple-testing corrections of p-values, with intervals that agree with them.

Use `holm` to bound the family-wise error rate under any dependence between the metrics (it
is never less powerful than `bonferroni`); `dunnett` for several treatments against one
control; `fdr_bh` to bound the false discovery rate.
"""

from xpyrment_core import CorrectionDefinition, hookimpl

_P_VALUES = (
    ("bonferroni", "Bonferroni: p times the number of tests.", "bonferroni", "Bonferroni", ()),
    ("holm", "Holm's step-down Bonferroni: bounds the family-wise error rate.", "holm", "Holm-compatible", ()),
    (
        "hochberg",
        "Hochberg's step-up: more powerful than Holm, for independent or positively dependent tests.",
        "hochberg",
        "Hochberg-compatible",
        (),
    ),
    ("hommel", "Hommel: at least as powerful as Hochberg, for the same tests.", "hommel", "Hommel-compatible", ()),
    ("sidak", "Sidak: like Bonferroni, exact for independent tests.", "sidak", "Sidak", ()),
    (
        "holm-sidak",
        "Step-down Sidak: more powerful than Sidak.",
        "holm_sidak",
        "Holm-Sidak-compatible",
        ("holm_sidak",),
    ),
    ("fdr_bh", "Benjamini-Hochberg: bounds the false discovery rate.", "fcr_bh", "FCR", ("bh",)),
    ("fdr_by", "Benjamini-Yekutieli: like fdr_bh, under any dependence.", "fcr_by", "FCR", ("by",)),
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
