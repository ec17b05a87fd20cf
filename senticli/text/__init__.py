"""From text to token ids: tokenizer, vocabulary, encoder."""
