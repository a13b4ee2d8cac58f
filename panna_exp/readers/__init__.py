"""Readers of data files, one module per format, behind one table."""

from panna_exp.readers.files import FileRecord, find_files
from panna_exp.readers.open import READERS, Loaded, open_structures
from panna_exp.readers.options import ReadOptions

__all__ = ["READERS", "FileRecord", "Loaded", "ReadOptions", "find_files", "open_structures"]
