"""One HTML page from results: nothing of it is elsewhere, so it can be mailed, kept and opened without a network."""

from anil_theory.results.page.writing import page_of, write_page

__all__ = ["page_of", "write_page"]
