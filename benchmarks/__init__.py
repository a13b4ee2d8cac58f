"""Measurements of speed, beside the limit that the machine sets: see docs/speed.md."""
