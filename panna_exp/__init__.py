"""Train, compare and deploy PANNA-style neural network interatomic potentials."""

__version__ = "0.1.0"
