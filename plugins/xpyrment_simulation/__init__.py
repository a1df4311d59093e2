"""Simulation of whole experiments on your own data: power in advance, and A/A certification of the pipeline.

`simulate_power` resamples historical rows, injects an effect and analyses each sample as the
experiment would be; `aa_test` permutes the assignment, which removes any effect.
"""

from xpyrment_core import CommandDefinition, hookimpl


@hookimpl
def xpyrment_commands() -> list[CommandDefinition]:
    """Offer the command aa."""
    return [
        CommandDefinition(
            name="aa",
            target="xpyrment_simulation.cli:aa",
            summary="Certify a pipeline: A/A simulation on your own data and plan.",
            group="Checks",
        )
    ]
