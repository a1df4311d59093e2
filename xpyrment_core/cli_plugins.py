"""The command ``xpyrment plugins``."""

from typing import Annotated, Any

from cyclopts import Parameter

from xpyrment_core.contracts import check_targets
from xpyrment_core.host import PluginInfo, default_host
from xpyrment_core.report import Report, Table


def app(
    *,
    json: Annotated[bool, Parameter(help="The same as --format json.", negative="")] = False,
    check: Annotated[
        bool,
        Parameter(help="Load everything, test it against its contract; exit 1 if a plugin is unusable.", negative=""),
    ] = False,
    kind: Annotated[
        str | None, Parameter(help="Only plugins that offer this kind: metric, test, adjuster, command …")
    ] = None,
    verbose: Annotated[bool, Parameter(help="Show import times and every name offered.", negative="")] = False,
) -> Report:
    """List plugins, what each offers, and what is wrong with any.

    A plugin that cannot be loaded is listed with its reason and never stops the program.
    """
    host = default_host()
    infos = [info for info in host.plugins if kind is None or any(o.split()[0] == kind for o in info.offers)]
    failures = check_targets(host) if check else {}
    bad = [info for info in infos if info.problem or info.name in failures]
    parts: list[Table | str] = [_table(infos, failures, verbose)]
    parts += [f"\n{info} cannot be used: {_reason(info, failures)}" for info in bad]
    parts.append(f"\n{len(infos)} plugins, {len(bad)} unusable.")
    data = {"plugins": [_as_dict(info, failures) for info in infos]}
    return Report(
        kind="plugins",
        title="Plugins",
        parts=[render_json(data)] if json else parts,
        data=data,
        exit_code=1 if check and bad else 0,
    )


def render_json(data: dict[str, Any]) -> str:
    """Return the JSON form, whatever ``--format`` says."""
    from xpyrment_core.report import render

    return render(Report(kind="plugins", data=data), "json")


def _table(infos: list[PluginInfo], failures: dict[str, str], verbose: bool) -> Table:
    columns = ["Plugin", "Status", "Distribution", "Version", *(["Import ms"] if verbose else []), "Offers"]
    rows = []
    for info in infos:
        status = "broken" if info.name in failures else info.status
        heavy = f" (HEAVY IMPORT: {', '.join(info.heavy)})" if info.heavy else ""
        offers = ", ".join(info.offers) if verbose else _counted(info.offers)
        cells: list[Any] = [info.name, status, info.distribution, info.version]
        rows.append([*cells, *([round(1000 * info.seconds, 1)] if verbose else []), (offers or "-") + heavy])
    return Table(columns=columns, rows=rows, right={"Import ms"}, keep={"Status", "Version"})


def _counted(offers: tuple[str, ...]) -> str:
    names: dict[str, list[str]] = {}
    for offer in offers:
        kind, _, name = offer.partition(" ")
        names.setdefault(kind, []).append(name)
    return "; ".join(f"{kind}: {', '.join(found)}" for kind, found in names.items())


def _reason(info: PluginInfo, failures: dict[str, str]) -> str:
    return failures.get(info.name) or info.reason


def _as_dict(info: PluginInfo, failures: dict[str, str]) -> dict[str, Any]:
    return {
        "name": info.name,
        "status": "broken" if info.name in failures else info.status,
        "distribution": info.distribution,
        "version": info.version,
        "builtin": info.builtin,
        "reason": _reason(info, failures),
        "offers": list(info.offers),
        "import_seconds": round(info.seconds, 6),
        "heavy_imports": list(info.heavy),
    }
