"""For frameworks and libraries: each module needs its own, and nothing else imports it."""
