"""Getting data sets and word vectors: addresses, transfer, archives, what is installed."""
