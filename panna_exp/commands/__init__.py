"""One module for each command of the command line: arguments, and whom they are handed to."""
