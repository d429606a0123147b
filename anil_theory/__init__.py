"""anil_theory"""

from anil_theory._precision import enable_float64

enable_float64()
