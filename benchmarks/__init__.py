"""Measurements of speed, beside the limit that the machine sets: see docs/reference/speed.md."""
