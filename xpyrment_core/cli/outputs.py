"""Output files of commands: the suffix determines the plot backend or exporter that writes the file."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from attrs import frozen

from xpyrment_core.cli.writing import replaced, save, write_file
from xpyrment_core.errors import InputError, PluginError, XpyrmentError
from xpyrment_core.registry.definitions import PlotBackendDefinition, Registered
from xpyrment_core.registry.host import PluginHost


@frozen
class Output:
    """A file to be saved, and the plot backend or exporter that writes it.

    Attributes
    ----------
    what : str
        ``"plot"`` or ``"report"``.
    entry : Registered
        The plot backend or exporter that serves the file's suffix.
    path : Path
    """

    what: str
    entry: Registered
    path: Path

    def save(self, made: Any) -> str:
        """Write what the backend or exporter returned, and return a confirmation line.

        Raises
        ------
        InputError
            The file cannot be written.
        PluginError
            The plugin returned something that cannot be saved.
        """
        if problem := save(self.what, self.path, lambda: self._write(made)):
            raise InputError(problem)
        return f"{self.what.capitalize()} saved as {self.path}"

    def _write(self, made: Any) -> None:
        definition = self.entry.definition
        # In order: the backend's own save function, text or bytes, a figure that can save itself.
        own = definition.load_save() if isinstance(definition, PlotBackendDefinition) else None
        if own is not None:
            with replaced(self.path) as temporary:
                own(made, temporary)
        elif isinstance(made, str | bytes):
            write_file(self.path, made)
        elif self.what == "plot" and callable(getattr(made, "save", None)):
            with replaced(self.path) as temporary:
                made.save(temporary)
        else:
            more = ", a figure with save(path), or save= in its definition" if self.what == "plot" else ""
            raise PluginError(
                f"{self.entry.qualified!r} of {self.entry.distribution} returned a {type(made).__name__}, which cannot "
                f"be saved as '{self.path}': expected text or bytes{more}."
            )


def save_all(made: Iterable[tuple[Output, Callable[[], Any]]]) -> tuple[list[str], str]:
    """Save several outputs of one result, each independently of the others.

    Parameters
    ----------
    made : iterable of (output, function)
        The function makes what is saved.

    Returns
    -------
    lines : list of str
        Confirmations.
    problem : str
        What went wrong, empty if nothing did: the result is printed in any case.
    """
    lines, problems = [], []
    for output, make in made:
        try:
            lines.append(output.save(make()))
        except XpyrmentError as error:
            problems.append(str(error))
        except Exception as error:  # of a plugin; a result that was calculated is not lost by it
            problems.append(
                f"the {output.what} cannot be saved as '{output.path}': {output.entry.qualified!r} of "
                f"{output.entry.distribution} failed: {type(error).__name__}: {error}."
            )
    return lines, " ".join(problems)


def plot_output(host: PluginHost, path: Path) -> Output:
    """Find the plot backend that saves files of this suffix.

    Call it before the analysis, so that an unknown suffix is refused at once.

    Raises
    ------
    InputError
        No plugin serves the suffix; the message lists the known ones.
    PluginError
        The plugin that does cannot be loaded.
    """
    return _output(host, "plot", "plot_backend", path)


def report_output(host: PluginHost, path: Path) -> Output:
    """Find the exporter that writes files of this suffix; errors as of `plot_output`."""
    return _output(host, "report", "exporter", path)


def _output(host: PluginHost, what: str, kind: str, path: Path) -> Output:
    try:
        entry = host.by_suffix(kind, path.suffix)
    except InputError as error:
        raise InputError(f"the {what} cannot be saved as '{path}': {error}") from error
    entry.load()  # a broken plugin is reported now, not after the analysis
    return Output(what, entry, path)
