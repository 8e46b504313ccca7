"""The rows of `skyloom eval controls`: each file films one family of controls and says what came of it.

A row is a function (bench, number of the case) -> Outcome; `evals.controls` runs them, keeps their figures, writes the table.
"""
