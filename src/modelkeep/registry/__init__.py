"""The verbs: everything that can be done to a registry, as plain functions.

A verb takes the actor first and the registry second, checks permission, names and limits itself, and opens its own
transaction, so no rule can be walked around through another door.
"""
