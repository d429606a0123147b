"""`python -m anil_theory`: the same as `anil-theory`."""

from anil_theory.cli import main

if __name__ == "__main__":
    main()
