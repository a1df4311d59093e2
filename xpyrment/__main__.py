"""``python -m xpyrment``."""

from xpyrment.cli import main

raise SystemExit(main())
