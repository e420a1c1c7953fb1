"""The edge: decode, authenticate, call the verb, encode. Starlette on Granian."""
