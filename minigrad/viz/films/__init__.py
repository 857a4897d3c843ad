"""Backpropagation as a film, one operation to a frame."""
