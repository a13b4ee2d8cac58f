"""What a notebook or a script uses: ``import panna_exp as pe``. The commands run the same code.

Mistakes are exceptions (:class:`panna_exp.PannaExpError`) with the words of the command line.
Lengths are in angstrom, energies in eV, forces in eV/angstrom, stresses in eV/angstrom^3.
"""
