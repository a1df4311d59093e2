"""Acme's plugin: the margin of a shop, a cautious test, a correction and a command."""

from xpyrment_core import CommandDefinition, CorrectionDefinition, MetricDefinition, TestDefinition, hookimpl


@hookimpl
def xpyrment_metrics():
    return [
        MetricDefinition(
            name="margin", target="xpyrment_acme.methods:Margin", summary="1 - cost / revenue.", label="Margin"
        ),
        # A namesake of ours: the bare name stays with xpyrment, this one is acme/mean.
        MetricDefinition(name="mean", target="xpyrment_acme.methods:DoubledMean", summary="Twice the mean."),
    ]


@hookimpl
def xpyrment_tests():
    return [TestDefinition(name="cautious", target="xpyrment_acme.methods:cautious", summary="z, doubled variance.")]


@hookimpl
def xpyrment_corrections():
    return [CorrectionDefinition(name="tripled", target="xpyrment_acme.methods:tripled", summary="Three times p.")]


@hookimpl
def xpyrment_commands():
    return [
        CommandDefinition(
            name="shout", target="xpyrment_acme.cli:shout", summary="Say it loud.", group="Acme commands"
        ),
        CommandDefinition(
            name="analyze", target="xpyrment_acme.cli:shout", summary="A namesake.", group="Acme commands"
        ),
    ]
