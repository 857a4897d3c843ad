"""The gradient rules of NumPy's functions, as tables, a file for each family."""

from minigrad.rules import constants, elementwise, indexing, products, reductions, shapes

__all__ = ["constants", "elementwise", "indexing", "products", "reductions", "shapes"]
