"""`python -m genwright` is the command line."""

import sys

from genwright.cli import main

if __name__ == "__main__":
    sys.exit(main())
