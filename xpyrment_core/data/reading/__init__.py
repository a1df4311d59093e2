"""The one reader of data files: which files, in which dialect, with which forms of numbers."""
