"""The command that starts the hub, the web dashboard, where it is installed."""

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
