"""Claims that hold for every plot backend."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import frozen

from xpyrment_core.errors import InputError
from xpyrment_core.testing.example_values import plots
from xpyrment_core.testing.running import Check, global_randomness_untouched, nothing_printed, same_text


@frozen(kw_only=True, eq=False)
class PlotBackendSubject:
    """A plot backend.

    Attributes
    ----------
    call : callable
        ``(PlotData, **options) -> figure``.
    suffixes : tuple of str
    save : callable or None
        As in `PlotBackendDefinition`.
    """

    call: Callable[..., Any]
    suffixes: tuple[str, ...] = ()
    save: Callable[[Any, Path], Any] | None = None


def plot_backend_checks(subject: PlotBackendSubject, statistical: bool = True) -> Iterator[Check]:
    """Yield every check that applies to a plot backend; none of them simulates."""
    claims = [contract, kinds, options, quiet, pure]
    if subject.suffixes:
        claims.append(saves)
    for claim in claims:
        yield Check(claim.__name__, partial(claim, subject))


def contract(subject: PlotBackendSubject) -> None:
    """A forest plot is drawn, also with rows that are not estimable."""
    for plot in plots():
        # The one kind that every result has; a backend may leave the others to another library.
        if plot.kind == "forest":
            assert subject.call(plot) is not None, "it returned None, expected the library's figure"


def kinds(subject: PlotBackendSubject) -> None:
    """Every other kind of plot is drawn or raises InputError."""
    for plot in plots():
        try:
            figure = subject.call(plot)
        except InputError:
            continue
        assert figure is not None, f"a {plot.kind} plot returned None, expected a figure or an InputError"


def options(subject: PlotBackendSubject) -> None:
    """An unknown option raises an error."""
    try:
        subject.call(next(plots()), no_such_option=1)
    except (InputError, TypeError):
        return
    raise AssertionError("the unknown option no_such_option=1 was ignored: a misspelt one would be too")


def quiet(subject: PlotBackendSubject) -> None:
    """The backend prints nothing."""
    with nothing_printed():
        subject.call(next(plots()))


def pure(subject: PlotBackendSubject) -> None:
    """The backend changes neither the plot's data nor the global random state."""
    plot = next(plots())
    with same_text(plot), global_randomness_untouched():
        subject.call(plot)


def saves(subject: PlotBackendSubject) -> None:
    """A file of every declared suffix can be written."""
    figure = subject.call(next(plots()))
    with TemporaryDirectory() as folder:
        for suffix in subject.suffixes:
            path = Path(folder) / f"plot{suffix}"
            _save(subject, figure, path)
            # Matplotlib and others create the file before they fail, so its size counts too.
            assert path.exists() and path.stat().st_size, f"nothing was written for the suffix {suffix}"


def _save(subject: PlotBackendSubject, figure: Any, path: Path) -> None:
    if subject.save is not None:
        subject.save(figure, path)
    elif isinstance(figure, str | bytes):
        path.write_bytes(figure if isinstance(figure, bytes) else figure.encode())
    else:
        assert callable(getattr(figure, "save", None)), (
            f"a {type(figure).__name__} cannot be saved: give the definition save=(figure, path)"
        )
        figure.save(path)
