"""`python -m skyloom` is `skyloom`."""

from .cli import main

main()
