"""Trained potentials in ASE.

from panna_exp.ase import PannaCalculator
atoms.calc = PannaCalculator("outputs/my_run")
"""

from panna_exp.ase.calculator import PannaCalculator
from panna_exp.ase.spread_watch import SpreadWatch

__all__ = ["PannaCalculator", "SpreadWatch"]
