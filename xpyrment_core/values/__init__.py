"""Values of an analysis: frozen, typed classes that every other part reads."""
