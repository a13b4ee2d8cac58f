"""The neural networks: one multilayer perceptron per species, energies summed over atoms."""
