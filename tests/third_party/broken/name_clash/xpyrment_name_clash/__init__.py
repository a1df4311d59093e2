"""Takes a plugin name of xpyrment's own, and defines one thing twice."""

from xpyrment_core import MetricDefinition
from xpyrment_core import hookimpl


@hookimpl
def xpyrment_metrics():
    return [
        MetricDefinition(name="twin", target="xpyrment_name_clash:one"),
        MetricDefinition(name="twin", target="xpyrment_name_clash:two"),
    ]
