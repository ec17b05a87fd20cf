"""The command line: one file a command, over the core that never prints."""
