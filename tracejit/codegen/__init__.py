"""Schedule -> Source: the text of a program. Knows nothing of how anything is run."""
