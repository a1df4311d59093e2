"""Data, texts and layout of plots: the kit for plot backends."""
