"""The command ``xpyrment plugins``, with ``new`` and ``check``."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from xpyrment_core.cli.commands import renamed_commands
from xpyrment_core.cli.report import Report, Table
from xpyrment_core.errors import unknown
from xpyrment_core.registry.contracts import check_targets
from xpyrment_core.registry.host import PluginHost, PluginInfo, default_host

app = App(name="plugins", result_action="return_value")


@app.default
def plugins(
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
    failures = _failures(host) if check else {}
    bad = [info for info in infos if info.problem or info.name in failures]
    parts: list[Table | str] = [_table(infos, failures, verbose)]
    parts += [f"\n{info} cannot be used: {_reason(info, failures)}" for info in bad]
    parts += [f"\n{sentence}." for sentence in renamed_commands(host)]
    parts.append(f"\n{len(infos)} plugins, {len(bad)} unusable.")
    data = {"plugins": [_as_dict(info, failures) for info in infos]}
    return Report(
        kind="plugins",
        title="Plugins",
        parts=[render_json(data)] if json else parts,
        data=data,
        exit_code=1 if check and bad else 0,
    )


def _failures(host: PluginHost) -> dict[str, str]:
    """Return the first thing wrong with each plugin: its contracts, then what its quick kinds promise."""
    from xpyrment_core.testing.examples import QUICK, plugin_checks
    from xpyrment_core.testing.running import outcomes

    failures = check_targets(host)
    for info in host.plugins:
        if info.status != "loaded" or info.name in failures:
            continue
        for title, checks in plugin_checks(host, info.name, kinds=QUICK):
            problems = [] if isinstance(checks, str) else [o for o in outcomes(checks) if o.problem]
            if problems:
                failures[info.name] = f"{title}: {problems[0].name}: {problems[0].problem}"
                break
    return failures


@app.command
def new(
    name: Annotated[str, Parameter(help="The plugin's name, such as acme-metrics.")],
    /,
    *,
    folder: Annotated[Path, Parameter(help="Where to make the project's folder.")] = Path(),
) -> Report:
    """Write a working plugin project: a metric, a test, and tests of both."""
    from xpyrment_core.cli.scaffold import write_project

    files = [str(path) for path in write_project(name, folder)]
    home = Path(files[0]).parent
    parts: list[Table | str] = [f"{home} is a working plugin. Install and test it:\n", *(f"  {file}" for file in files)]
    parts.append(f"\n  pip install -e {home}\n  xpyrment plugins check {home.name}\n  pytest {home}")
    return Report(kind="plugin_project", parts=parts, data={"folder": str(home), "files": files})


@app.command
def check(
    name: Annotated[str, Parameter(help="An installed plugin, as 'xpyrment plugins' lists it.")],
    /,
    *,
    full: Annotated[
        bool,
        Parameter(help="Simulate up to 16,000 experiments per claim, not 2,000: minutes, not seconds.", negative=""),
    ] = False,
) -> Report:
    """Try out what everything a plugin offers promises; exit 1 if a promise is not kept."""
    from xpyrment_core.testing.examples import plugin_checks
    from xpyrment_core.testing.running import outcomes

    host = default_host()
    info = next((info for info in host.plugins if info.name == name), None)
    if info is None:
        raise unknown("plugin", name, [info.name for info in host.plugins])
    if info.problem:
        return Report(kind="plugin_check", parts=[f"{info} cannot be used: {info.reason}"], exit_code=1)
    rows: list[tuple[str, str, str]] = []
    for title, checks in plugin_checks(host, name, full):
        if isinstance(checks, str):
            rows.append((title, "not checked", checks))
            continue
        problems = [f"{found.name}: {found.problem}" for found in outcomes(checks) if found.problem]
        rows += [(title, "fails", problem) for problem in problems] or [(title, "passes", f"{len(checks)} checks")]
    return _check_report(info, rows)


def _check_report(info: PluginInfo, rows: list[tuple[str, str, str]]) -> Report:
    failed = len({title for title, verdict, _ in rows if verdict == "fails"})
    summary = f"{failed} of {len({row[0] for row in rows})} fail." if rows else "It offers nothing that can be checked."
    table = Table(columns=("What", "Result", "Detail"), rows=tuple(rows), keep={"Result"})
    return Report(
        kind="plugin_check",
        title=f"Checks of {info}",
        parts=[table, f"\n{summary}"] if rows else [summary],
        data={
            "plugin": info.name,
            "results": [dict(zip(("what", "result", "detail"), row, strict=True)) for row in rows],
        },
        exit_code=1 if failed else 0,
    )


def render_json(data: dict[str, Any]) -> str:
    """Return the JSON form, independent of ``--format``."""
    from xpyrment_core.cli.report import render

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
