"""Structures in memory: containers, batches and reference energies."""
