"""Two small records that the plugin host needs before anything is analysed."""

from typing import Literal

from attrs import frozen


@frozen
class Provenance:
    """Which code made a number."""

    kind: str
    name: str
    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.kind} {self.plugin}/{self.name} ({self.distribution} {self.version})"


@frozen
class Issue:
    """What a gate or a check has to say; an ``"error"`` stops the step."""

    message: str
    severity: Literal["error", "warning", "info"] = "warning"
    source: str = ""
