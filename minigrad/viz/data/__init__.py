"""Graphs as plain data: traced, collapsed, recorded."""
