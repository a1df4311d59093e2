"""Status record of a plugin, and its description in messages."""

from typing import Literal

from attrs import frozen

Status = Literal["loaded", "blocked", "broken", "incompatible"]


class PluginWarning(UserWarning):
    """A plugin was not loaded, or one of its observers failed; no number is affected."""


@frozen(kw_only=True)
class PluginInfo:
    """Status of one plugin, usable or not.

    Attributes
    ----------
    name, distribution, version : str
    status : {"loaded", "blocked", "broken", "incompatible"}
    reason : str
        Why it is not loaded, or a remark on a loaded one.
    offers : tuple of str
        ``"metric mean"``, ``"command power"`` …
    seconds : float
        Duration of its import.
    heavy : tuple of str
        Slow libraries imported with it; a plugin module should have none.
    """

    name: str
    distribution: str
    version: str
    status: Status
    reason: str = ""
    offers: tuple[str, ...] = ()
    seconds: float = 0.0
    heavy: tuple[str, ...] = ()
    builtin: bool = False

    @property
    def problem(self) -> bool:
        """Whether it failed to load (a blocked plugin did not)."""
        return self.status in ("broken", "incompatible")

    def __str__(self) -> str:
        return f"plugin {self.name!r} of {self.distribution} {self.version}"

    @property
    def remedy(self) -> str:
        """How to fix a plugin that cannot be used."""
        return f"Leave it out with XPYRMENT_BLOCK_PLUGINS={self.name}, or fix or uninstall {self.distribution}."


def one_line(error: BaseException) -> str:
    """Return the text of an error on one line, ended by a period."""
    text = " ".join(str(error).split())
    return text if text.endswith((".", "!", "?")) else f"{text}."
