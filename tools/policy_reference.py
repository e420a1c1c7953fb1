"""docs/policies.md: the reference of policies, made of the rules' own docstrings, examples and verdicts."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import yaml

from modelkeep.domain.evidence import API, Fact
from modelkeep.domain.formats import Column, Format, Signature
from modelkeep.domain.policies import MOVES, PERMISSIVE
from modelkeep.domain.rules import parsing
from modelkeep.domain.rules.parsing import KINDS

# 2026-12-24, in the example's freeze.
_NOW = 1_798_106_400_000
_DAY = 86_400_000


def _signature(kind: str) -> Signature:
    return Signature({"age": Column(kind, True)}, {"prediction": Column("double", True)}, {})


def _found(value: float, number: int) -> Fact:
    return Fact(number, "validation", API, False, "ci", True, "holdout-2026-11", "9f2c", _NOW - _DAY, value)


# A version that every rule of the page refuses.
_FACTS = SimpleNamespace(
    now=_NOW,
    number=4,
    target="Production",
    tags={"experimental": "yes"},
    description="ok",
    is_pinned=False,
    damaged="model.skops",
    holder=3,
    holder_of=lambda target: 3,
    metric=lambda number, key, wanted: _found(0.81 if number == 4 else 0.9, 17 if number == 4 else 12),
    evidence=lambda wanted: None if wanted.kind is None else _found(0.0, 18),
    format=lambda number: Format(
        ("sklearn",), _signature("long" if number == 4 else "double"), "the flavor sklearn is a pickle"
    ),
    held=lambda target: _DAY,
)

_HEAD = f"""# Policies

A policy says what a version must be to enter a target: a stage such as `Production`, or an alias such as `@champion`.
The registry judges it inside the transaction that would move the version, whoever asks and through whichever client: our
SDK, `modelkeep promote`, a stock `mlflow` client, an import. A refusal is 403 `PERMISSION_DENIED`, its message lists each
failed rule with the measured value, the bound, or what is missing; it is an event, and nothing else changes.

```yaml
policy: production-gate
models: ["churn-*"]
targets: [Production, "@champion"]
rules:
  - metric: auc
    at_least: 0.85
    from: [ci]
    max_age: 30d
  - metric: auc
    no_worse_than: holder
    tolerance: 0.01
    when_absent: pass
  - runs_no_code: true
  - tags: [owner]
follow:
  rollback: previous of "@champion"
```

```
modelkeep policy lint production.yaml      # how it is understood, or what is wrong with it
modelkeep policy test production.yaml      # what it would have said of past promotions
modelkeep policy apply production.yaml     # from now on it guards
modelkeep promote churn-eu 4 --to Production --dry-run
```

Rules judge recorded facts alone: [evidence](validation.md) about the version's bytes, what the version is, where it has
been, and the time. They never read a run: what a run had measured is copied into evidence when a version is registered from it,
and later edits of the run change nothing. Evidence is about bytes, so it holds for every version of the same files and for no
other.

## A policy's keys

| key | what it says |
|---|---|
| `policy` | Its name. Applying a policy of the same name makes its next revision. |
| `description` | For people. |
| `models` | Patterns of model names, of which one must match: `*`, `?` and `[ab]` as in a shell. |
| `targets` | The stages and aliases it guards. Write an alias in quotes: YAML does not allow a bare `@`. |
| `on` | What it judges, of {", ".join(f"`{move}`" for move in MOVES)}; by default `[enter]`. A version leaves a target when another takes its place, too. |
| `rules` | All must pass. A list without rules is refused, unless the policy's name begins with `{PERMISSIVE}`. |
| `allow_unpinned` | `true` lets in a version that has no files here, and so can have no evidence. By default it is refused. |
| `follow` | Aliases that the registry keeps on the version that held a target before. They cannot be guarded. |

All policies that match must pass. Applying one needs the role admin and is an event. What stands in a target when a policy is
applied stays there; `modelkeep policy standing MODEL` shows what would be refused today.

- **Renaming** a model is refused when a version of it holds a target that policies guard under the new name only, and does
  not pass them; aliases that follow under the new name are put right in the same change. **Restoring** a deleted model
  empties the targets whose versions would be refused.
- An **alias** that was deleted and is made again is guarded as before.
- **Import** leaves out a stage or an alias that a policy refuses, and says so.
- **Rollback** (`modelkeep rollback churn-eu @champion`) is judged by the rules with `on_rollback: true` only; which those
  are by default stands below. Versions that they refuse are passed over and named.
- **Break-glass**: `modelkeep promote churn-eu 4 --to Production --force --reason "…"` needs the role admin and a token that
  proves who it is. It is marked in the history, and stands in every view of the model until
  `modelkeep override close` says how it was followed up.
- `expected_version` makes a promotion compare-and-set: it is refused with 409 when another version holds the target.

## Rules

Each rule is one mapping with exactly one of the keys below, and `on_rollback: true` or `false`.
"""


def page() -> str:
    """docs/policies.md."""
    lines = [_HEAD]
    for kind, rule in KINDS.items():
        parsed = parsing.parse(yaml.safe_load("{" + rule.example + "}"), "the example")
        verdict = parsed.judge(_FACTS)
        lines += [
            f"### `{kind}`",
            "",
            inspect.cleandoc(rule.__doc__ or ""),
            "",
            *([f"Options: {', '.join(f'`{each}`' for each in rule.options)}.", ""] if rule.options else []),
            *(["On a rollback it is judged by default.", ""] if rule.on_rollback_default else []),
            "```yaml",
            f"- {{{rule.example}}}",
            "```",
            "",
            f"> {verdict.rule}: {verdict.reason}.",
            "",
        ]
    lines += [
        "Evidence can be narrowed down where a rule says so: `evidence_kind` is the kind that counts, `from` names who must",
        "have posted it with a token that proved it, `dataset` the data it was measured on, `max_age` how old it may be (`90s`,",
        "`15m`, `12h`, `30d`, `4w`). Of what is left the newest counts.",
    ]
    return "\n".join(lines) + "\n"
