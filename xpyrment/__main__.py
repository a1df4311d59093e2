"""``python -m xpyrment``."""

from xpyrment_core.cli.main import main

raise SystemExit(main())
