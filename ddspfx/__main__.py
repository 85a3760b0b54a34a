"""`python -m ddspfx`: the command without its script."""

import sys

from ddspfx.cli import main

if __name__ == "__main__":
    sys.exit(main())
