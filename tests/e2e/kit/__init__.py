"""What the end-to-end scenarios are run with. Python 3.11, standard library and python3-h2."""
