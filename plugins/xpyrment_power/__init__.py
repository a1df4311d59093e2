"""Plan an experiment: sample size, power, minimum detectable effect, duration.

Use the command ``xpyrment power`` or, in Python, `required_sample_size`, `power` and
`minimum_detectable_effect`: two of effect, size and power are given, and the third is solved for.
"""

from xpyrment_core import CommandDefinition, hookimpl


@hookimpl
def xpyrment_commands() -> list[CommandDefinition]:
    """Offer the command `power`."""
    return [
        CommandDefinition(
            name="power",
            target="xpyrment_power.cli:power",
            summary="Sample size, power or minimum detectable effect of an experiment.",
            group="Planning",
        )
    ]
