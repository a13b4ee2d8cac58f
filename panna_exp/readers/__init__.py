"""Readers of data files, one module a format, behind one table."""

from panna_exp.readers.files import FileRecord, find_files
from panna_exp.readers.open import READERS, Loaded, open_structures

__all__ = ["READERS", "FileRecord", "Loaded", "find_files", "open_structures"]
