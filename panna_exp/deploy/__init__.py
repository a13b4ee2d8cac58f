"""Potentials for the engines that move atoms: LAMMPS, and those that take models of metatomic."""
