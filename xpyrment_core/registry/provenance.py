"""Provenance of a number, and issues reported by gates."""

from typing import Literal, get_args

from attrs import field, frozen

from xpyrment_core.errors import InputError

Severity = Literal["error", "warning", "info"]


@frozen
class Provenance:
    """The definition, plugin and version that computed a number."""

    kind: str
    name: str
    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.kind} {self.plugin}/{self.name} ({self.distribution} {self.version})"


def _check_severity(issue: "Issue", _: object, severity: object) -> None:
    # A misspelt "eror" must not become a remark that lets the step continue.
    if severity not in get_args(Severity):
        raise InputError(
            f"the severity of an Issue must be one of 'error', 'warning', 'info', got {severity!r}, "
            f"in Issue({issue.message!r})."
        )


@frozen
class Issue:
    """A finding of a gate or a check.

    Attributes
    ----------
    message : str
    severity : {"warning", "info", "error"}
        An ``"error"`` stops the step; any other value is invalid.
    source : str
        The plugin that reports it; set by the host.
    """

    message: str
    severity: Severity = field(default="warning", validator=_check_severity)
    source: str = ""
