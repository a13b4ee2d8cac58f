"""Sweepers of panna_exp, where Hydra looks for them."""
