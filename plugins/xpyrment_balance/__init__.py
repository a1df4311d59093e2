"""Compare baseline covariates between the variants: standardized mean differences.

Use it before an experiment is launched or read: a randomisation that works leaves
covariates measured beforehand alike in every variant, so |SMD| stays below 0.1.
"""

from xpyrment_core import CommandDefinition, DiagnosticDefinition, hookimpl


@hookimpl
def xpyrment_diagnostics() -> list[DiagnosticDefinition]:
    """Offer the balance check that goes with every analysis that has covariates."""
    return [
        DiagnosticDefinition(
            name="balance",
            target="xpyrment_balance.diagnostic:balance",
            summary="Standardized mean differences of the covariates, flagged from 0.1.",
            attribute="balance_checker",
        )
    ]


@hookimpl
def xpyrment_commands() -> list[CommandDefinition]:
    """Offer ``xpyrment balance``."""
    return [
        CommandDefinition(
            name="balance",
            target="xpyrment_balance.cli:balance",
            summary="Evaluate baseline covariate balance from a file of data.",
            group="Checks",
        )
    ]
