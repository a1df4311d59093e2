"""The command ``xpyrment app``."""

from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

from cyclopts import Parameter, validators

from xpyrment_core import MissingExtraError

HUB = "xpyrment_hub"


def app(
    *,
    port: Annotated[int, Parameter(help="Port to listen on.", validator=validators.Number(gte=1, lte=65535))] = 7000,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    no_browser: Annotated[bool, Parameter(help="Do not open a browser.", negative="")] = False,
    log_usage: Annotated[bool, Parameter(help="Log which pages are used, to a local file.", negative="")] = False,
) -> int:
    """Launch the Xpyrment Hub dashboard (web UI).

    The hub is a separate distribution; without it the command says how to install it and exits with 1.
    """
    # Without importing it, so that an error inside an installed hub is not mistaken for its absence.
    if find_spec(HUB) is None:
        raise MissingExtraError(
            f"the hub is not installed, so nothing was started at http://{host}:{port}. "
            f'It is not released yet; once it is, install it with: pip install "xpyrment[hub]"'
        )
    serve = import_module(HUB).serve
    return int(serve(host=host, port=port, browser=not no_browser, log_usage=log_usage) or 0)
