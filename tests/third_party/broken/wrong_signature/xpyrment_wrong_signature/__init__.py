"""Asks a hook for an argument that it does not have."""

from xpyrment_core import MetricDefinition
from xpyrment_core import hookimpl


@hookimpl
def xpyrment_metrics(colour):
    return [MetricDefinition(name="red", target="xpyrment_wrong_signature:red")]
