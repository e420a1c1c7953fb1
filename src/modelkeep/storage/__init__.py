"""SQL and only SQL: rows in, domain objects out. Transactions are opened by `modelkeep.registry`."""
