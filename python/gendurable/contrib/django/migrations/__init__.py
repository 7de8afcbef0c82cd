"""The migrations: one for each release."""
