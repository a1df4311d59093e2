"""What the host knows of one plugin, and how it speaks of it."""

from typing import Literal

from attrs import frozen

Status = Literal["loaded", "blocked", "broken", "incompatible"]


class PluginWarning(UserWarning):
    """A plugin was set aside, or one of its observers failed; no number is affected."""


@frozen(kw_only=True)
class PluginInfo:
    """What the host knows of one plugin, usable or not.

    Attributes
    ----------
    name, distribution, version : str
    status : {"loaded", "blocked", "broken", "incompatible"}
    reason : str
        Why it is not loaded, or what to know although it is.
    offers : tuple of str
        ``"metric mean"``, ``"command power"`` …
    seconds : float
        Time its import took.
    heavy : tuple of str
        Heavy libraries that its import pulled in; a light plugin module has none.
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
        """Whether something is wrong with it (being blocked is not)."""
        return self.status in ("broken", "incompatible")

    def __str__(self) -> str:
        return f"plugin {self.name!r} of {self.distribution} {self.version}"

    @property
    def remedy(self) -> str:
        """What a user can do about a plugin that cannot be used."""
        return f"Leave it out with XPYRMENT_BLOCK_PLUGINS={self.name}, or fix or uninstall {self.distribution}."


def one_line(error: BaseException) -> str:
    """Return an error's text as one sentence."""
    text = " ".join(str(error).split())
    return text if text.endswith((".", "!", "?")) else f"{text}."
