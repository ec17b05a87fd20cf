"""The network: embedding, recurrent cells, dropout."""
