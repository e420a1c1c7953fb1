"""The HTTP contract: one table of calls, the wire shapes in both directions, the errors in both directions."""
