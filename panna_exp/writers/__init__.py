"""Writers of data files, one module per format, behind one table."""

from panna_exp.writers.save import WRITERS, Saved, save_structures

__all__ = ["WRITERS", "Saved", "save_structures"]
