"""Where log Gamma is least on the positive numbers: both arithmetics cut its monotone branches there."""

LGAMMA_MINIMUM = (1.4616321449683, 1.4616321449684)
"""log Gamma falls before and rises behind a point between the two; a test holds the signs of digamma there."""
