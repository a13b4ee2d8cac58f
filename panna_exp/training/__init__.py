"""Training: losses, optimiser, the step, the loop and checkpoints."""
