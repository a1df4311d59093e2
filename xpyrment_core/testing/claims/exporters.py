"""Claims that hold for every exporter."""

import json
from collections.abc import Callable, Iterator
from functools import partial
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
        File suffixes it serves; ``.html`` and ``.json`` have further checks.
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
        yield Check(claim.__name__, partial(claim, subject))


def contract(subject: ExporterSubject) -> None:
    """The exporter returns bytes or text that can be encoded, not empty."""
    _content(subject, "plain")


def gaps(subject: ExporterSubject) -> None:
    """A result with not estimable rows, failed checks and names to escape is exported."""
    _content(subject, "difficult")


def _content(subject: ExporterSubject, example: str) -> bytes:
    made = subject.call(EXAMPLES[example]())
    assert isinstance(made, str | bytes), f"it returned {type(made).__name__}, expected str or bytes"
    content = made.encode() if isinstance(made, str) else made
    assert content, "the report is empty"
    return content


def escaped(subject: ExporterSubject) -> None:
    """HTML in the name of a metric is escaped."""
    assert b"<b>minutes</b>" not in _content(subject, "difficult"), "names are not escaped: use html.escape"


def standard_json(subject: ExporterSubject) -> None:
    """The JSON is standard, without NaN and Infinity."""

    def refuse(word: str) -> None:
        raise AssertionError(f"it wrote {word}, which is not JSON: use allow_nan=False")

    # Python reads NaN by default, other parsers reject the document; parse_constant is called for it.
    json.loads(_content(subject, "difficult"), parse_constant=refuse)


def quiet(subject: ExporterSubject) -> None:
    """The exporter prints nothing."""
    for make in EXAMPLES.values():
        with nothing_printed():
            subject.call(make())


def pure(subject: ExporterSubject) -> None:
    """The exporter is deterministic, and changes neither the result nor the global random state."""
    for name, make in EXAMPLES.items():
        result = make()
        before = result.to_json()
        with global_randomness_untouched():
            first = subject.call(result)
        assert result.to_json() == before, f"{name}: it changed the result"
        # Identical reports can be compared by hash, and a diff of two shows changed results only.
        assert first == subject.call(result), f"{name}: two calls gave different reports (a date, a random id?)"
