"""Defaults of options from the environment and xpyrment.toml, and what is misspelt in them."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from cyclopts import App, Argument, ArgumentCollection, CycloptsError
from cyclopts.config import Env, Toml

from xpyrment_core.cli.parameters import Setting, from_settings, remember_settings
from xpyrment_core.cli.project_file import FILE, IGNORE_VARIABLE, find_file, may_set
from xpyrment_core.errors import nearest
from xpyrment_core.registry.discovery import VARIABLES
from xpyrment_core.registry.host import PluginHost

PREFIX = "XPYRMENT_"
TABLE = "xpyrment"
KNOWN = (*VARIABLES, IGNORE_VARIABLE)
"""Environment variables that are not defaults of options."""

Say = Callable[[str], None]
Source = Callable[[App, tuple[str, ...], ArgumentCollection], None]


def settings(program: App, host: PluginHost, say: Say) -> tuple[Source, ...]:
    """Return where the program's options have their defaults from, the first that has one wins.

    Parameters
    ----------
    program : App
        With all of its commands.
    host : PluginHost
        Whose plugins may read environment variables of their own.
    say : callable
        Prints a warning.
    """
    variables = (Env(PREFIX, show=False), Env(PREFIX, command=False, show=False))
    file = find_file()
    files = [] if file is None else [_File(program, host, say, _shown(file), Toml(file, root_keys=(TABLE,)))]
    return (_Variables(program, host, say), *variables, *files, _remember)


def _shown(file: Path) -> str:
    return FILE if file.parent == Path.cwd() else str(file)


def note_settings(say: Say) -> None:
    """Say what ``xpyrment.toml`` decided of the command that ran, which its user may not know."""
    sources = {one.source for one in from_settings().values() if Path(one.source).name == FILE}
    for source in sorted(sources):
        said = [f"{name} = {one.value}" for name, one in from_settings().items() if one.source == source]
        say(f"Note: {_shown(Path(source))} sets {', '.join(said)}.")


def _remember(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    typed = {"", "cli"}
    remember_settings(
        {
            argument.field_info.name: Setting(argument.tokens[0].source, _written(argument))
            for argument in arguments
            if argument.tokens and not typed & {token.source for token in argument.tokens}
        }
    )


@frozen
class _File:
    """Checks ``xpyrment.toml`` for what no command would ever read, then hands its values on."""

    program: App
    host: PluginHost
    say: Say
    path: str
    toml: Toml

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        if commands:  # not for the program's own options, which are parsed before
            self._check_root()
            ours = self.toml.config.get(TABLE)
            if isinstance(ours, Mapping):
                self._check_tables(ours)
                self._check_options(ours, app, commands, arguments)
        self.toml(app, commands, arguments)

    def _check_root(self) -> None:
        """Warn of what stands outside our own table and looks like ours; other tables may be other tools'."""
        names = list(_command_names(self.program))
        for key, value in self.toml.config.items():
            if key == TABLE:
                continue
            if key in names:
                self.say(f"Warning: {self.path}: [{key}] has no effect. Did you mean [{TABLE}.{key}]?")
            elif _closest(key, [TABLE], 0.8):
                self.say(f"Warning: {self.path}: [{key}] has no effect. Did you mean [{TABLE}]?")
            elif not isinstance(value, Mapping):
                where = f"options of a command stand in its table, such as [{TABLE}.analyze]"
                self.say(f"Warning: {self.path}: {key!r} has no effect outside of a table; {where}.")

    def _check_tables(self, ours: Mapping[str, Any]) -> None:
        commands = list(_command_names(self.program))
        shared = self.program.meta.assemble_argument_collection()
        for key, value in ours.items():
            if key in commands or _takes(shared, key):
                continue
            table = isinstance(value, Mapping)
            what = (
                f"[{TABLE}.{key}] is not a command"
                if table
                else f"{key!r} in [{TABLE}] is not an option of all commands"
            )
            hint = nearest(key, commands if table else _option_names(shared))
            if table and any(info.status != "loaded" for info in self.host.plugins):
                # It may be the command of a plugin that was left out.
                self.say(f"Warning: {self.path}: {what}.{hint}")
            else:
                raise CycloptsError(msg=f"{self.path}: {what}.{hint}")

    def _check_options(
        self, ours: Mapping[str, Any], app: App, commands: tuple[str, ...], arguments: ArgumentCollection
    ) -> None:
        table: Any = ours
        for name in commands:
            table = table.get(name, {}) if isinstance(table, Mapping) else {}
        for key, value in table.items() if isinstance(table, Mapping) else ():
            if isinstance(value, Mapping) or key in app:
                continue
            if found := _matching(arguments, key):
                self._check_allowed(key, commands, found)
                continue
            shared = _takes(self.program.meta.assemble_argument_collection(), key)
            hint = f" Set it for all commands, in [{TABLE}]." if shared else nearest(key, _option_names(arguments))
            where, command = ".".join((TABLE, *commands)), " ".join((TABLE, *commands))
            raise CycloptsError(msg=f"{self.path}: {key!r} in [{where}] is not an option of '{command}'.{hint}")

    def _check_allowed(self, key: str, commands: tuple[str, ...], argument: Argument) -> None:
        if may_set(argument.field_info.name, argument.hint):
            return
        where, option = ".".join((TABLE, *commands)), key.replace("_", "-")
        raise CycloptsError(
            msg=f"{self.path}: {key!r} in [{where}] cannot be set in {FILE}, which sets names of columns and methods, "
            f"numbers and choices only; write --{option} on the command line."
        )


def _matching(arguments: ArgumentCollection, key: str) -> Argument | None:
    try:
        argument, *_ = arguments.match("--" + key.replace("_", "-"))
    except ValueError:
        return None
    return argument


def _takes(arguments: ArgumentCollection, key: str) -> bool:
    return _matching(arguments, key) is not None


def _written(argument: Argument) -> str:
    values = [token.value or str(token.implicit_value) for token in argument.tokens]
    return ", ".join(values)


def _option_names(arguments: ArgumentCollection) -> list[str]:
    return [name[2:].replace("-", "_") for argument in arguments for name in argument.names if name.startswith("--")]


def _command_names(app: App) -> Iterator[str]:
    return (name for name in app if not name.startswith("-"))


@frozen
class _Variables:
    """Warns of environment variables that begin with ``XPYRMENT_`` and are not read by anything."""

    program: App
    host: PluginHost
    say: Say

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        names = [name for name in os.environ if name.startswith(PREFIX) and name not in KNOWN] if commands else []
        if not names:
            return
        running = [("", arguments), (_prefix(*commands), arguments)]
        for name in sorted(names):
            if not _read_by(name, running) and not _read_by(name, self._all()):
                self._warn(name)

    def _all(self) -> Iterator[tuple[str, ArgumentCollection]]:
        """Yield the options of every command with each prefix they are read with; loads the commands."""
        yield "", self.program.meta.assemble_argument_collection()
        for path, arguments in _collections(self.program):
            yield "", arguments
            yield _prefix(*path), arguments

    def _warn(self, name: str) -> None:
        word = name.removeprefix(PREFIX)
        known = [variable.removeprefix(PREFIX) for variable in KNOWN]
        known += [prefix + _spelt(option) for prefix, arguments in self._all() for option in _option_names(arguments)]
        close = _closest(word, known, 0.6)
        hint = f" Did you mean {PREFIX}{close}?" if close else ""
        # A plugin may read variables that begin with its own name.
        owned = any(word.startswith(f"{_spelt(info.name)}_") for info in self.host.plugins)
        commands = [_prefix(command) for command in _command_names(self.program)]
        if not owned or (hint and word.startswith(tuple(commands))):
            self.say(f"Warning: the environment variable {name} is not known and has no effect.{hint}")


def _collections(app: App, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], ArgumentCollection]]:
    for name in _command_names(app):
        try:
            command = app[name]
            arguments = command.assemble_argument_collection()
        except Exception:  # what is wrong with it is said when it runs
            continue
        yield (*path, name), arguments
        yield from _collections(command, (*path, name))


def _read_by(variable: str, readers: Iterable[tuple[str, ArgumentCollection]]) -> bool:
    word = variable.removeprefix(PREFIX)
    return any(
        word.startswith(prefix) and _matches(arguments, word.removeprefix(prefix)) for prefix, arguments in readers
    )


def _matches(arguments: ArgumentCollection, word: str) -> bool:
    try:
        arguments.match(word, transform=_spelt, delimiter="_")
    except ValueError:
        return False
    return True


def _prefix(*commands: str) -> str:
    return "".join(f"{_spelt(name)}_" for name in commands)


def _spelt(name: str) -> str:
    """Return a name as environment variables spell it."""
    return name.upper().replace("-", "_").replace(".", "_").lstrip("_")


def _closest(word: str, known: Iterable[str], cutoff: float) -> str:
    from difflib import get_close_matches  # only a mistake needs it

    return next(iter(get_close_matches(word, list(known), 1, cutoff)), "")
