"""Data sets and word vectors: where they come from and how they are read."""
