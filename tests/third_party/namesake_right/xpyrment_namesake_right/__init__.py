"""One of two third-party plugins with a metric of the same name."""

from xpyrment_core import MetricDefinition, hookimpl


@hookimpl
def xpyrment_metrics():
    return [MetricDefinition(name="popular", target="xpyrment_namesake_right:Popular", summary="From the right.")]


class Popular:
    """A metric that both offer."""

    def __init__(self, name, value_col):
        self.name, self.columns = name, (value_col,)

    columns = ()

    def value(self, means):
        return means[self.columns[0]]
