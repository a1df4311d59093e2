"""Claims that hold for every command."""

import inspect
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from attrs import frozen

from xpyrment_core.testing.running import Check, nothing_printed


@frozen(kw_only=True, eq=False)
class CommandSubject:
    """A command.

    Attributes
    ----------
    call : callable or cyclopts App
    summary : str
        Of its definition.
    arguments : sequence of str or None
        Arguments to run it with; None does not run it.
    """

    call: Callable[..., Any]
    summary: str = ""
    arguments: Sequence[str] | None = None

    def run(self, words: Sequence[str]) -> Any:
        """Run it as the program would, and return what it returns."""
        from cyclopts import App

        app = self.call
        if not isinstance(app, App):
            app = App(name="command", help_format="plaintext", result_action="return_value")
            app.default(self.call)
        try:
            return app(list(words), exit_on_error=False, print_error=False)
        except SystemExit as error:  # a cyclopts App may exit when it has finished
            assert not error.code, f"it exited with {error.code!r}"
            return None


def command_checks(subject: CommandSubject, statistical: bool = True) -> Iterator[Check]:
    """Yield every check that applies to a command; none of them simulates."""
    claims = [documented, annotated, shows_help]
    if subject.arguments is not None:
        claims += [contract, quiet, repeatable]
    for claim in claims:
        yield Check(claim.__name__, partial(claim, subject))


def documented(subject: CommandSubject) -> None:
    """The command has a summary or docstring."""
    text = subject.summary or getattr(subject.call, "help", "") or inspect.getdoc(subject.call) or ""
    assert text.strip(), "it has neither a summary nor a docstring, so --help has nothing to show"


def annotated(subject: CommandSubject) -> None:
    """Every parameter has a type, by which its argument is converted."""
    if inspect.isfunction(subject.call):
        bare = [p.name for p in inspect.signature(subject.call).parameters.values() if p.annotation is p.empty]
        assert not bare, f"parameters without a type: {', '.join(bare)}"


def shows_help(subject: CommandSubject) -> None:
    """``--help`` works: every type can be read from the command line."""
    import io
    from contextlib import redirect_stdout

    out = io.StringIO()
    with redirect_stdout(out):
        subject.run(["--help"])
    assert "Usage" in out.getvalue(), f"--help showed {out.getvalue()[:60]!r}"


def contract(subject: CommandSubject) -> None:
    """The command returns a Report, as every --format requires, with data that JSON preserves."""
    made = _report(subject)
    data = {"kind": made.kind, **made.data}
    try:
        text = json.dumps(data, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"the data of its Report are not JSON-ready: {error}") from error
    assert json.loads(text) == data, "the data of its Report differ after a round trip through JSON: no tuples, no sets"


def _report(subject: CommandSubject) -> Any:
    made = subject.run(subject.arguments or ())
    # The class is on a layer above this kit.
    is_report = all(hasattr(made, name) for name in ("kind", "parts", "data", "exit_code"))
    assert is_report, f"it returned {type(made).__name__}, expected a Report: --format json needs one"
    return made


def quiet(subject: CommandSubject) -> None:
    """The command itself prints nothing."""
    # The program prints the returned report in the requested format; other output would corrupt JSON.
    with nothing_printed():
        subject.run(subject.arguments or ())


def repeatable(subject: CommandSubject) -> None:
    """The same arguments give the same report."""
    first, second = _report(subject), _report(subject)
    assert first.data == second.data, "two runs with the same arguments gave different data"
