"""Returns dicts where definitions are wanted."""

from xpyrment_core.hookspecs import hookimpl


@hookimpl
def xpyrment_metrics():
    return [{"name": "loose"}]
