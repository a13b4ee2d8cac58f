"""Descriptors of atomic environments, computed from positions."""
