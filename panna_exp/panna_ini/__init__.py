"""PANNA's INI inputs: read, recognised, and translated into configurations."""
