"""Networks on disk: PANNA 1.x and 2.x folders, LAMMPS potentials; numpy only."""
