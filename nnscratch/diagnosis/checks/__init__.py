"""One disease a check: each looks at a `Case` and gives the findings that its numbers speak for."""
