"""Reports of an analysis: an HTML page for people, Markdown for reviews, CSV and JSON for programs."""

from collections.abc import Iterable

from xpyrment_core import ExporterDefinition, hookimpl

XPYRMENT_API = 1


@hookimpl
def xpyrment_exporters() -> Iterable[ExporterDefinition]:
    """Offer the formats ``html``, ``markdown``, ``csv`` and ``json``."""
    yield ExporterDefinition(
        name="html",
        target="xpyrment_report.page:export_html",
        summary="A single page without outside resources: decision table, plot, exclusions, checks, provenance.",
        suffixes=(".html", ".htm"),
    )
    yield ExporterDefinition(
        name="markdown",
        target="xpyrment_report.text:export_markdown",
        summary="The same content as Markdown tables, for pull requests and wikis.",
        aliases=("md",),
        suffixes=(".md", ".markdown"),
    )
    yield ExporterDefinition(
        name="csv",
        target="xpyrment_report.text:export_csv",
        summary="One row per metric and treatment with every number, for spreadsheets.",
        suffixes=(".csv",),
    )
    yield ExporterDefinition(
        name="json",
        target="xpyrment_report.text:export_json",
        summary="Everything the analysis knows as standard JSON, for programs.",
        suffixes=(".json",),
    )
