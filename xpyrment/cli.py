"""The program: ``xpyrment``, also ``python -m xpyrment`` and ``python -m xpyrment.cli``."""

from xpyrment_core.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
