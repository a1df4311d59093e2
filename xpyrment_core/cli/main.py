"""The program ``xpyrment``: builds the commands of all plugins, runs one and prints its report."""

import gc
import inspect
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

from attrs import evolve
from cyclopts import App, CycloptsError, CycloptsPanel, Group, Parameter

from xpyrment_core.choices import Format
from xpyrment_core.cli.commands import named_commands
from xpyrment_core.cli.parameters import from_settings, recorded_settings, remembered_settings, spell_stdin
from xpyrment_core.cli.terminal import (
    CLOSED,
    INTERRUPTED,
    TERMINATED,
    WIDTH,
    Terminated,
    plain_when_piped,
    say,
    say_lines,
    silence_output,
    terminable,
    unicode_ok,
    written_output,
)
from xpyrment_core.errors import XpyrmentError
from xpyrment_core.plots.escaping import printable
from xpyrment_core.registry.definitions import Registered
from xpyrment_core.registry.host import PluginHost, PluginInfo, use_host

VERSION = "0.1.0"
HELP = "Enterprise-grade experiment design and statistical analysis: decide from A/B tests."
OUTPUT = Group("Output", sort_key=99)


def build_app(host: PluginHost, settings: bool = True, chosen: str = "") -> App:
    """Return the program, with every plugin's commands.

    `settings` are the defaults in the environment and in ``xpyrment.toml``; help needs none.
    The `chosen` command shows its whole docstring in its help, the others their summaries.
    """
    app = App(
        name="xpyrment",
        help=HELP,
        version=VERSION,
        result_action="return_value",
        suppress_keyboard_interrupt=False,  # `main` reports it
        help_format="plaintext",  # rendering Markdown takes a fifth of the start-up time
    )
    groups: dict[str, Group] = {}
    for name, entry in named_commands(host).items():
        _add(app, groups, entry, name, name == chosen)
    # After all commands are added: their names decide which tables of xpyrment.toml are known.
    if settings:
        from xpyrment_core.cli.settings import settings as sources

        app.config = sources(app, host, say)
    return app


def _add(app: App, groups: dict[str, Group], entry: Registered, name: str, chosen: bool) -> None:
    definition = entry.definition
    title = getattr(definition, "group", "Commands")
    # cyclopts has a group "Commands" of its own, and refuses another one of that name.
    group = None if title == "Commands" else groups.setdefault(title, Group(title))
    app.command(definition.target, name=name, group=group, help=_help(entry, chosen))


def _help(entry: Registered, chosen: bool) -> str:
    """Return a command's help: the summary in lists, the whole docstring for the requested command."""
    summary = entry.definition.summary + ("" if entry.builtin else f" [{entry.distribution}]")
    if not chosen:
        return summary
    try:
        target = entry.definition.load()
    except Exception:  # help must work for a broken command; running it reports the error
        return summary
    text = inspect.getdoc(target) if inspect.isfunction(target) else None
    return "\n\n".join(" ".join(part.split()) for part in (text or summary).split("\n\n"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    0 done, 1 error, 2 usage; 130 interrupted, 143 terminated, 141 the reader of the output closed it.
    """
    tokens = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in tokens
    gc.disable()  # until a command runs: start-up creates no garbage, and collection takes a tenth of its time
    try:
        with terminable():
            code = _start(tokens)
            # Here and not by the interpreter at its end, which could report an error only as a traceback.
            with written_output():
                sys.stdout.flush()
        return code
    except XpyrmentError as error:
        if debug:
            raise
        say(f"{error.heading}: {error}")
        say_lines(error.details)
        return 1
    except BrokenPipeError:
        silence_output()
        return CLOSED
    except SystemExit as stop:
        # rich, which prints help, turns a closed pipe into an exit with 1.
        if isinstance(stop.__context__, BrokenPipeError):
            return CLOSED
        raise
    except Terminated:
        say("Terminated.")
        return TERMINATED
    except KeyboardInterrupt:
        say("Interrupted.")
        return INTERRUPTED
    except Exception as error:
        # An error of ours or of a plugin; the user gets one line instead of a traceback.
        if debug:
            raise
        say(f"Error: {type(error).__name__}: {error} (run again with --debug to see where)")
        return 1
    finally:
        gc.enable()


def _start(tokens: list[str]) -> int:
    plain_when_piped()
    host = use_host(PluginHost())
    _tell(host.plugins)
    chosen = next((token for token in tokens if not token.startswith("-")), "")
    return _run(build_app(host, bool(chosen), chosen), tokens)


def _run(app: App, tokens: list[str]) -> int:
    app.meta.suppress_keyboard_interrupt = False

    app.error_formatter = app.meta.error_formatter = _usage_error

    @app.meta.default
    def launch(
        *words: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        format: Annotated[Format, Parameter(help="How to print the result.", group=OUTPUT)] = "table",  # noqa: A002
        debug: Annotated[
            bool, Parameter(help="Show the full traceback of an error.", negative="", group=OUTPUT)
        ] = False,
    ) -> int:
        gc.enable()
        with warnings.catch_warnings(), remembered_settings():
            if format in ("table", "markdown"):  # these formats print the failed checks in the report
                warnings.simplefilter("ignore", UserWarning)
            # One line on stderr; Python's own format would show a line of our source code.
            warnings.showwarning = _show_warning  # type: ignore[assignment]
            try:
                result = _with_settings(app(spell_stdin(words)))
            finally:
                _note_settings()
        with written_output():
            return _print(result, format)

    code = app.meta(tokens)
    return code if isinstance(code, int) else 0


def _usage_error(error: CycloptsError) -> Any:
    # Values of options are shown, and may come from a file or a script.
    return CycloptsPanel(printable(str(error)))


def _with_settings(result: Any) -> Any:
    """Record in a report which of its options were set by the environment or ``xpyrment.toml``."""
    from xpyrment_core.cli.report import Report

    if isinstance(result, Report) and from_settings():
        return evolve(result, data={**result.data, "settings": recorded_settings()})
    return result


def _note_settings() -> None:
    if from_settings():
        from xpyrment_core.cli.settings import note_settings

        note_settings(say)


def _print(result: Any, form: str) -> int:
    from xpyrment_core.cli.report import Report, render

    if isinstance(result, Report):
        text = render(result, form, WIDTH if form == "table" else 10_000, ascii_only=not unicode_ok())
        if text:
            print(text)  # of `render`, which escapes
        if result.error:
            say(f"Error: {result.error}")
        return result.exit_code
    if isinstance(result, int):  # an exit code, or a bool
        return int(result)
    if result is not None:
        print(printable(str(result)))
    return 0


def _tell(plugins: Sequence[PluginInfo]) -> None:
    for info in plugins:
        if info.problem:
            say(f"Warning: {info} was set aside: {info.reason} See 'xpyrment plugins'.")


def _show_warning(message: Any, category: Any, *_: Any) -> None:
    say(f"Warning: {message}")


def run() -> NoReturn:
    """Run the program and leave the process with its exit code."""
    raise SystemExit(main())
