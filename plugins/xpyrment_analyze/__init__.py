"""Analyse an experiment from the command line: ``analyze``, ``init`` and ``register``.

``analyze`` reads a data file or an experiment file, ``init`` drafts an experiment file and
``register`` locks its plan.
"""

from xpyrment_core import CommandDefinition, hookimpl


@hookimpl
def xpyrment_commands() -> list[CommandDefinition]:
    """Offer ``xpyrment analyze``, ``init`` and ``register``."""
    return [
        CommandDefinition(
            name="analyze",
            target="xpyrment_analyze.analyze:analyze",
            summary="Analyse an experiment: every metric, with intervals and checks.",
            group="Analysis",
        ),
        CommandDefinition(
            name="init",
            target="xpyrment_analyze.experiment_file:init",
            summary="Write an experiment file for a data file.",
            group="Analysis",
        ),
        CommandDefinition(
            name="register",
            target="xpyrment_analyze.experiment_file:register",
            summary="Register an experiment file, so that a change shows.",
            group="Analysis",
        ),
    ]
