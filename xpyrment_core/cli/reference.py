"""The command-line reference of the documentation, made from the program's own help texts.

Write it anew with ``python -m xpyrment_core.cli.reference > docs/reference/cli.md``; a test fails when it is stale.
"""

import contextlib
import io
import os
from collections.abc import Iterator
from itertools import groupby

from xpyrment_core.cli import main
from xpyrment_core.cli.commands import commands as all_commands
from xpyrment_core.cli.terminal import WIDTH
from xpyrment_core.registry.definitions import CommandDefinition
from xpyrment_core.registry.host import PluginHost, default_host, use_host

# As a reader without third-party plugins sees it, in a terminal of 80 columns.
PLAIN = {"XPYRMENT_DISABLE_AUTOLOAD": "1", "COLUMNS": str(WIDTH), "NO_COLOR": "1"}

HEADER = """# Command line

This page is generated from the code: `python -m xpyrment_core.cli.reference > docs/reference/cli.md`.

`xpyrment`, `python -m xpyrment` and `python -m xpyrment.cli` are the same program.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | an error, said in one line on standard error; `--debug` shows where |
| 2 | wrong usage, or a gate that said no: `balance --fail-on-imbalance`, `srm --fail-on-mismatch`, `aa` |

Defaults of any option come from the command line, else the environment (`XPYRMENT_ALPHA=0.01` for all commands,
`XPYRMENT_ANALYZE_ALPHA=0.01` for one), else the table `[xpyrment.analyze]` of an `xpyrment.toml` here or above.
The options of an analysis have [a page of their own](options.md), with their names in Python and in experiment files.
"""


def commands(host: PluginHost) -> list[CommandDefinition]:
    """Return the commands that ship with xpyrment, by group and name."""
    offered = [entry.definition for entry in all_commands(host) if entry.builtin]
    known = [d for d in offered if isinstance(d, CommandDefinition)]
    return sorted(known, key=lambda definition: (definition.group, definition.name))


def help_text(*words: str) -> str:
    """Return what ``xpyrment <words> --help`` prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main.main([*words, "--help"])
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().split("\n"))


def sections() -> Iterator[str]:
    """Yield the parts of the page."""
    yield HEADER
    yield f"## xpyrment\n\n```text\n{help_text()}\n```\n"
    app = main.build_app(default_host())
    for group, members in groupby(commands(default_host()), key=lambda definition: definition.group):
        yield f"## {group}\n"
        for command in members:
            yield f"### xpyrment {command.name}\n\n```text\n{help_text(command.name)}\n```\n"
            for name in (name for name in app[command.name] if not name.startswith("-")):
                yield f"#### xpyrment {command.name} {name}\n\n```text\n{help_text(command.name, name)}\n```\n"


def reference() -> str:
    """Return the page as Markdown.

    Examples
    --------
    >>> "### xpyrment analyze" in reference()
    True
    """
    host, environment = default_host(), dict(os.environ)
    os.environ.pop("FORCE_COLOR", None)
    os.environ.update(PLAIN)
    try:
        use_host(PluginHost())
        return "\n".join(sections())
    finally:
        os.environ.clear()
        os.environ.update(environment)
        use_host(host)


if __name__ == "__main__":
    print(reference(), end="")
