"""The claims that each kind of plugin is checked against."""
