"""Checks of assignment and logging: units in one variant, sample ratio mismatch, missing outcomes.

Use them before reading any effect: a variant with too few units, or one that loses more of
its outcomes than another, biases every metric, also those with a small p-value.
"""

from xpyrment_core import CommandDefinition, DiagnosticDefinition, hookimpl


@hookimpl
def xpyrment_diagnostics() -> list[DiagnosticDefinition]:
    """Offer the checks that go with every analysis."""
    return [
        DiagnosticDefinition(
            name="units",
            target="xpyrment_srm.diagnostics:units",
            summary="Units seen in more than one variant, and rows without a unit; fails if a unit is in two.",
            rank=10,
        ),
        DiagnosticDefinition(
            name="sample_ratio",
            target="xpyrment_srm.diagnostics:sample_ratio",
            summary="Units per variant against their planned weights; fails at p < 0.001.",
        ),
        DiagnosticDefinition(
            name="missingness",
            target="xpyrment_srm.diagnostics:missingness",
            summary="Missing outcomes per metric, treatment against control; fails at p < 0.001.",
        ),
    ]


@hookimpl
def xpyrment_commands() -> list[CommandDefinition]:
    """Offer ``xpyrment srm``."""
    return [
        CommandDefinition(
            name="srm",
            target="xpyrment_srm.cli:srm",
            summary="Check the sample ratio: units per variant against planned weights.",
            group="Checks",
        )
    ]
