"""``python -m xpyrment``."""

from xpyrment_core.cli import main

raise SystemExit(main())
