"""The program: ``xpyrment``, also ``python -m xpyrment`` and ``python -m xpyrment.cli``."""

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; where a library of the command line itself is not installed, say so in one line."""
    from xpyrment_core.errors import MissingExtraError, needs_library

    try:
        with needs_library("the command line"):
            from xpyrment_core.cli.main import main as run
    except MissingExtraError as error:
        raise SystemExit(f"Error: {error}") from None
    except KeyboardInterrupt:  # during the imports
        raise SystemExit(130) from None
    return run(argv)


if __name__ == "__main__":
    raise SystemExit(main())
