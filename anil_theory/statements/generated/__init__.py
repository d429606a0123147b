"""What `statements.forms.generate` writes from the table: functions and LaTeX, without sympy."""
