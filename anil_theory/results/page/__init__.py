"""One HTML page from results: it needs no other file, so it can be mailed, kept and opened without a network."""

from anil_theory.results.page.writing import page_of, write_page

__all__ = ["page_of", "write_page"]
