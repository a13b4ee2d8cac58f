"""Where a run's metrics, parameters and files are recorded besides its own directory."""
