"""What runs left behind, read back: lists of runs, what differs between two, one page on some."""
