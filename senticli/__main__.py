"""``python -m senticli``."""

from senticli.cli.app import main

if __name__ == "__main__":
    main()
