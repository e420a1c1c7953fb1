"""Background loops over durable state: what keeps a registry sound while nobody asks."""
