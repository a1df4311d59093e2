"""Value types of an analysis: frozen, typed classes shared by all layers."""
