"""The core of xpyrment: values, hooks and the flow; it knows no method by name."""
