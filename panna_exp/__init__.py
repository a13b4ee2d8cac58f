"""Train, compare and deploy PANNA-style neural network interatomic potentials."""

import os

# PyTorch's MKL reads it at its first product. Without it the last bits of a product depend on where
# its matrices lie in memory, and a resumed run need not end where the one that never stopped does.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")

__version__ = "0.1.0"
