"""`anil-theory constants`: constants of families whose losses are bounded on a ball, certified there."""
