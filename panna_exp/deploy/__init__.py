"""Potentials for the engines that move atoms: LAMMPS."""
