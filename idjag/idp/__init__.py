"""The identity provider: signs people in, holds the rules, issues ID-JAGs, records everything."""
