"""The administrators' rules: a pure model and the one evaluator; no I/O, no clock."""
