"""How each command's results and progress look."""
