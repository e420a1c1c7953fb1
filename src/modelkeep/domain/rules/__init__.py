"""Rules: what a policy demands of a version. Each is judged on recorded facts and says what it found.

A rule is written as one mapping whose kind is one of its keys: `{metric: auc, at_least: 0.85}`. The classes in KINDS are
all there are; the reference in the documentation is made of them.
"""
