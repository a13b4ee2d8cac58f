"""The neural networks: one multilayer perceptron a species, energies summed over atoms."""
