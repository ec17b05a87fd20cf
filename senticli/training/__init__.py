"""Everything that needs torch, spaCy or torchtext (the extra ``train``)."""
