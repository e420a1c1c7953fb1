"""The edge: decode, authenticate, call the verb, encode. On uvicorn's protocol, with a short way for API calls."""
