"""The search for the largest value over boxes. It knows no arithmetic: whoever calls it hands it the enclosure.

branch_and_bound   best-first branch and bound over arrays of `boxes`;
polish             a local ascent that raises the lower end;
undecided_boxes    when a branch will not be decided, and the search may stop;
work               budgets that count work and not time.
"""
