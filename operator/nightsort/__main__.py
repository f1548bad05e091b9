"""The program: `nightsort` and `python -m nightsort`."""

from nightsort.cli import main

if __name__ == "__main__":
    main()
