"""The command line: each command reads its options, does its work and shows what came of it."""
