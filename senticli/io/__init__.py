"""Files in and out: formats, readers, writers, atomic writes, scoring a file."""
