"""Totals in place of rows: size, mean and spread per metric and variant, as a source of an analysis."""
