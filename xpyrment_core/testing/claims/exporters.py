"""What every exporter promises."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen

from xpyrment_core.analysis.result import AnalysisResult
from xpyrment_core.testing.example_values import difficult_result, plain_result
from xpyrment_core.testing.running import Check, global_randomness_untouched, nothing_printed

EXAMPLES = {"plain": plain_result, "difficult": difficult_result}


@frozen(kw_only=True, eq=False)
class ExporterSubject:
    """An exporter.

    Attributes
    ----------
    call : callable
        ``(AnalysisResult) -> str or bytes``.
    suffixes : tuple of str
        File suffixes it serves; what is written to ``.html`` and ``.json`` is looked at closer.
    """

    call: Callable[[AnalysisResult], Any]
    suffixes: tuple[str, ...] = ()


def exporter_checks(subject: ExporterSubject, statistical: bool = True) -> Iterator[Check]:
    """Yield every check that applies to an exporter; none of them simulates."""
    claims = [contract, gaps, quiet, pure]
    if ".html" in subject.suffixes:
        claims.append(escaped)
    if ".json" in subject.suffixes:
        claims.append(standard_json)
    for claim in claims:
        yield Check(claim.__name__, lambda claim=claim: claim(subject))  # type: ignore[misc]


def contract(subject: ExporterSubject) -> None:
    """Text that can be encoded, or bytes, and not nothing."""
    _content(subject, "plain")


def gaps(subject: ExporterSubject) -> None:
    """A result with rows that cannot be estimated, failed checks and awkward names is exported too."""
    _content(subject, "difficult")


def _content(subject: ExporterSubject, example: str) -> bytes:
    made = subject.call(EXAMPLES[example]())
    assert isinstance(made, str | bytes), f"it returned {type(made).__name__}, wanted str or bytes"
    content = made.encode() if isinstance(made, str) else made
    assert content, "it returned nothing"
    return content


def escaped(subject: ExporterSubject) -> None:
    """A metric's name cannot put its own tags into a page."""
    assert b"<b>minutes</b>" not in _content(subject, "difficult"), "names are not escaped: use html.escape"


def standard_json(subject: ExporterSubject) -> None:
    """JSON holds no NaN and no Infinity."""

    def refuse(word: str) -> None:
        raise AssertionError(f"it wrote {word}, which is not JSON: use allow_nan=False")

    json.loads(_content(subject, "difficult"), parse_constant=refuse)


def quiet(subject: ExporterSubject) -> None:
    """It prints nothing."""
    for make in EXAMPLES.values():
        with nothing_printed():
            subject.call(make())


def pure(subject: ExporterSubject) -> None:
    """The same result gives the same report; the result and the global random state are left alone."""
    for name, make in EXAMPLES.items():
        result = make()
        before = result.to_json()
        with global_randomness_untouched():
            first = subject.call(result)
        assert result.to_json() == before, f"{name}: it changed the result"
        assert first == subject.call(result), f"{name}: two calls gave different reports (a date, a random id?)"
