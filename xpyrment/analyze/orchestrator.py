"""The names `setup`, `run_analysis` and `AnalysisResult` under an earlier address; loaded on first use.

>>> from xpyrment.analyze.orchestrator import AnalysisResult, run_analysis, setup
>>> import xpyrment as xp
>>> setup is xp.setup and run_analysis is xp.run_analysis and AnalysisResult is xp.AnalysisResult
True
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xpyrment_core import AnalysisResult, run_analysis, setup

__all__ = ["AnalysisResult", "run_analysis", "setup"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import xpyrment_core

    return getattr(xpyrment_core, name)
