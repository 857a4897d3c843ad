"""minigrad: a small autograd framework over NumPy."""

__version__ = "0.1.0"
