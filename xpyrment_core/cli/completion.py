"""The command ``xpyrment completion``."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from xpyrment_core.cli.report import Report
from xpyrment_core.cli.writing import check_outputs, save, write_file
from xpyrment_core.errors import InputError
from xpyrment_core.registry.host import default_host

Shell = Literal["bash", "zsh", "fish", "powershell"]


def completion(
    shell: Annotated[Shell, Parameter(help="The shell to complete in.")],
    /,
    *,
    install: Annotated[bool, Parameter(help="Install it for this user.", negative="")] = False,
    out: Annotated[Path | None, Parameter(help="Write it to this file instead.")] = None,
) -> Report:
    """Print or install shell completion of every command and option, plugins' included.

    Without --install or --out the script is printed: eval "$(xpyrment completion bash)".
    """
    from xpyrment_core.cli.main import build_app

    app = build_app(default_host())
    if install:
        path = app.install_completion(shell=shell)
    elif out is not None:
        path = out
        check_outputs([("completion", path)])
        script = app.generate_completion(shell=shell)
        if problem := save("completion", path, lambda: write_file(path, script)):
            raise InputError(problem)
    else:
        script = app.generate_completion(shell=shell)
        return Report(kind="completion", parts=[script], data={"shell": shell, "script": script})
    return Report(
        kind="completion", parts=[f"Wrote completion for {shell} to {path}"], data={"shell": shell, "path": str(path)}
    )
