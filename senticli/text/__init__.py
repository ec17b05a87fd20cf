"""From text to word numbers: tokenizer, vocabulary, readers of text files."""
