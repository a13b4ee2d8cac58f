"""What a potential predicts against the reference: tables, PANNA's text files, plots."""
