"""What a model is worth on labelled examples, and whether that is enough."""
