"""Names of commands: one rule for commands of the core, built-in and third-party plugins."""

from xpyrment_core.registry.definitions import CommandDefinition, Registered
from xpyrment_core.registry.discovery import HOME
from xpyrment_core.registry.host import PluginHost

CORE = "core"

# These two must work when every plugin is broken or blocked, so no plugin offers them.
CORE_COMMANDS = tuple(
    Registered(definition=definition, plugin=CORE, distribution=HOME, version="", builtin=True)
    for definition in (
        CommandDefinition(
            name="completion",
            target="xpyrment_core.cli.completion:completion",
            summary="Print or install shell completion.",
            group="Tools",
        ),
        CommandDefinition(
            name="plugins",
            target="xpyrment_core.cli.plugins:app",
            summary="List plugins, what each offers, and what is wrong with any.",
            group="Tools",
        ),
    )
)


def commands(host: PluginHost) -> list[Registered]:
    """Return every command: the core's, then the plugins' in loading order."""
    return [*CORE_COMMANDS, *host.all("command")]


def named_commands(host: PluginHost) -> dict[str, Registered]:
    """Return every command by its name on the command line.

    The first of a name keeps it, and built-in commands come first; a namesake is called
    ``<plugin>-<name>``, with a number where that is taken too.
    """
    named: dict[str, Registered] = {}
    # First the bare names, then the namesakes: a renamed command must not take a name that another one defines.
    for entry in commands(host):
        named.setdefault(entry.definition.name, entry)
    for entry in commands(host):
        if named[entry.definition.name] is not entry:
            named[_free(entry, named)] = entry
    return named


def renamed_commands(host: PluginHost) -> list[str]:
    """Return a sentence for each command whose name differs from its definition."""
    named = named_commands(host)
    return [
        f"command {entry.definition.name!r} of plugin {entry.plugin!r} runs as {name!r}: plugin "
        f"{named[entry.definition.name].plugin!r} of {named[entry.definition.name].distribution} has that name"
        for name, entry in named.items()
        if name != entry.definition.name
    ]


def _free(entry: Registered, taken: dict[str, Registered]) -> str:
    full = f"{entry.plugin}-{entry.definition.name}".replace(".", "-")
    choices = (full, *(f"{full}-{i}" for i in range(2, len(taken) + 3)))
    return next(choice for choice in choices if choice not in taken)
