"""The command ``xpyrment app``, which starts the hub (web dashboard) if it is installed."""

from xpyrment_core import CommandDefinition, hookimpl


@hookimpl
def xpyrment_commands() -> list[CommandDefinition]:
    """Offer the command app."""
    return [
        CommandDefinition(
            name="app",
            target="xpyrment_app.cli:app",
            summary="Launch the Xpyrment Hub dashboard (web UI).",
            group="Tools",
        )
    ]
