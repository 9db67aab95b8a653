"""`python -m alexnet`, as torchrun starts it."""

import sys

from alexnet.cli import main

sys.exit(main())
