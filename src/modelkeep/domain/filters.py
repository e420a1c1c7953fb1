"""The filter language: from text to a tree of comparisons.

    filter      = conjunction {OR conjunction}
    conjunction = negation {[AND] negation}          AND binds closer than OR; a stray AND means nothing, as in MLflow
    negation    = [NOT] ( "(" filter ")" | comparison )
    comparison  = name operator value | name [NOT] IN "(" value {"," value} [","] ")" | name IS [NOT] NULL
    name        = attribute | prefix "." key         `key`, "key" and 'key' may hold anything

What MLflow 3.17.2 accepts means the same here, but for its accidents and these: a doubled quote inside a quoted text
is one quote, where MLflow keeps both; a backslash is a backslash, also in the list of an IN, which MLflow reads as
Python; integers have 64 bits; and the limits below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from modelkeep.domain import filter_tokens, models, texts
from modelkeep.domain.errors import Invalid
from modelkeep.domain.filter_tokens import END, KEYWORD, NAME, NUMBER, OPERATOR, SIGN, Token, shown
from modelkeep.domain.searching import INTEGER, METRIC, TAG, TEXT, Term, Vocabulary

LEAVES = 100
VALUES = 1000
DEPTH = 50
# Matching costs pattern times text, so a long pattern over long tags would hold a reader for seconds.
PATTERN_LIMIT = 1000

Scalar = str | int | float


@dataclass(frozen=True, slots=True)
class Comparison:
    """`kind` is 'attribute', 'tag', 'metric', 'param' or 'dataset'; `operator` is upper case.

    `value` is a tuple for IN and NOT IN, and None for IS NULL and IS NOT NULL.
    """

    kind: str
    key: str
    operator: str
    value: Scalar | tuple[Scalar, ...] | None = None


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of them."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Two-valued: true whenever the child is not, also when what it names is absent."""

    child: Node


Node = And | Or | Not | Comparison


def parse(text: str | None, vocabulary: Vocabulary, field: str = "filter") -> Node | None:
    """Read a filter; None when it is missing, empty or nothing but AND.

    Args:
        field: the name of the parameter, for messages.
    Raises:
        Invalid: says at which character, what stands there and what is allowed. At most 100 comparisons, 1,000
            values in a list, 50 levels of nesting, 16 KiB.
    """
    if text is None or text == "":
        return None
    parser = _Parser(filter_tokens.split(text, field), vocabulary, field)
    if parser.is_lone_and():
        return None
    node = parser.disjunction()
    if parser.token.kind != END:
        parser.refuse("this ')' closes nothing")
    return node


class _Parser:
    def __init__(self, tokens: list[Token], vocabulary: Vocabulary, field: str):
        self.tokens = tokens
        self.vocabulary = vocabulary
        self.field = field
        self.index = 0
        self.leaves = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def take(self, kind: str, *values: str) -> Token | None:
        token = self.tokens[self.index]
        if token.kind != kind or (values and token.value not in values):
            return None
        self.index += 1
        return token

    def refuse(self, why: str, at: Token | None = None) -> NoReturn:
        token = at or self.token
        raise Invalid(f"Parameter '{self.field}' is wrong at character {token.position + 1}: {why}.")

    def found(self) -> str:
        return "the end" if self.token.kind == END else shown(self.token.text)

    def is_lone_and(self) -> bool:
        words = self.tokens[:-1]
        return bool(words) and all(word.kind == KEYWORD and word.value == "AND" for word in words)

    def disjunction(self) -> Node:
        children = [self.conjunction()]
        while self.take(KEYWORD, "OR"):
            children.append(self.conjunction())
        return children[0] if len(children) == 1 else Or(tuple(children))

    def conjunction(self) -> Node:
        children: list[Node] = []
        while True:
            is_open = not children
            while self.take(KEYWORD, "AND"):
                is_open = self.token.kind != END
            if not is_open and self.is_end():
                break
            children.append(self.negation())
        return children[0] if len(children) == 1 else And(tuple(children))

    def is_end(self) -> bool:
        token = self.token
        return token.kind == END or (token.kind, token.value) in ((SIGN, ")"), (KEYWORD, "OR"))

    def negation(self) -> Node:
        if self.depth >= DEPTH:
            self.refuse(f"parentheses and NOT may be nested {DEPTH} deep")
        self.depth += 1
        node: Node
        if self.take(KEYWORD, "NOT"):
            node = Not(self.negation())
        elif opening := self.take(SIGN, "("):
            node = self.disjunction()
            if not self.take(SIGN, ")"):
                self.refuse("this '(' is never closed", opening)
        else:
            node = self.comparison()
        self.depth -= 1
        return node

    def comparison(self) -> Comparison:
        self.leaves += 1
        if self.leaves > LEAVES:
            self.refuse(f"a filter may hold {LEAVES} comparisons. Use IN for a list of values")
        kind, key, term, name = self.name()
        operator = self.operator(term, name)
        if operator.endswith("NULL"):
            return Comparison(kind, key, operator)
        if operator.endswith("IN"):
            return Comparison(kind, key, operator, self.values(kind, term, name))
        return Comparison(kind, key, operator, self.value(kind, term, name, operator))

    def name(self) -> tuple[str, str, Term, str]:
        token = self.token
        if token.kind != NAME and not token.text.startswith('"'):
            self.refuse(f"expected a comparison such as name = 'churn', found {self.found()}")
        self.index += 1
        try:
            kind, key, term = self.vocabulary.find(token.prefix, token.value)
        except LookupError as error:
            self.refuse(str(error), token)
        return kind, key, term, token.text if len(token.text) <= 60 else f"{token.text[:57]}…"

    def operator(self, term: Term, name: str) -> str:
        first = self.token
        words = []
        if sign := self.take(OPERATOR):
            words.append(sign.value)
        elif self.take(KEYWORD, "IS"):
            words = ["IS", "NOT", "NULL"] if self.take(KEYWORD, "NOT") else ["IS", "NULL"]
            if not self.take(KEYWORD, "NULL"):
                self.refuse(f"expected NULL or NOT NULL after IS, found {self.found()}")
        else:
            while word := self.take(KEYWORD, "NOT", "IN", "LIKE", "ILIKE"):
                words.append(word.value)
                if word.value != "NOT":
                    break
        operator = " ".join(words)
        if operator not in term.operators:
            found = f"'{operator}'" if operator else self.found()
            self.refuse(f"{name} can be compared with {', '.join(term.operators)}, found {found}", first)
        return operator

    def values(self, kind: str, term: Term, name: str) -> tuple[Scalar, ...]:
        if not self.take(SIGN, "("):
            self.refuse(f"expected a list such as ('a', 'b') after IN, found {self.found()}")
        values = [self.value(kind, term, name, "IN")]
        while not self.take(SIGN, ")"):
            if not self.take(SIGN, ","):
                self.refuse(f"expected ',' or ')' in the list of values, found {self.found()}")
            if self.take(SIGN, ")"):
                break
            if len(values) == VALUES:
                self.refuse(f"a list may hold {VALUES:,} values")
            values.append(self.value(kind, term, name, "IN"))
        return tuple(values)

    def value(self, kind: str, term: Term, name: str, operator: str) -> Scalar:
        token = self.token
        if term.type == TEXT:
            value = self.text(name)
            if operator in ("LIKE", "ILIKE"):
                if len(value) > PATTERN_LIMIT:
                    self.refuse(f"a pattern may have {PATTERN_LIMIT:,} characters, this one has {len(value):,}", token)
                return value
            return term.canonical(value)
        if token.kind == NUMBER or (token.kind == filter_tokens.TEXT and term.type == INTEGER):
            self.index += 1
            if kind == METRIC:
                return float(token.value)
            number = _number(token, allow_fraction=term.type != INTEGER)
            if number is not None:
                return number
        what = "an integer of 64 bits" if term.type == INTEGER else "a number of 64 bits without quotes"
        found = "the end" if token.kind == END else shown(token.text)
        self.refuse(f"{name} is compared with {what}, found {found}", token)

    def text(self, name: str) -> str:
        token = self.token
        if token.kind == filter_tokens.TEXT:
            self.index += 1
            return token.value
        if self.vocabulary.bare_values and token.kind in (NAME, NUMBER, KEYWORD):
            self.index += 1
            return token.text
        self.refuse(f"{name} is compared with a text between quotes, as in {name} = 'value', found {self.found()}")


def _number(token: Token, allow_fraction: bool) -> int | float | None:
    try:
        number = int(token.value)
    except ValueError:
        return float(token.value) if allow_fraction and len(token.value) < 100 else None
    return number if -(2**63) <= number <= texts.INT64_MAX else None


def hide_prompts(node: Node | None) -> Node:
    """The filter with prompts left out, unless it asks for them by the tag `mlflow.prompt.is_prompt`.

    A registered model without the tag is not a prompt: `= 'false'` and `!= 'true'` mean NOT `= 'true'`, as in MLflow.
    """
    if node is None:
        return _not_a_prompt()
    rewritten = _rewrite(node)
    return rewritten if mentions_prompts(node) else And((rewritten, _not_a_prompt()))


def mentions_prompts(node: Node | None) -> bool:
    """Whether a filter asks for prompts, so that they must not be hidden."""
    return node is not None and _asks(node, negated=False)


def _asks(node: Node, negated: bool) -> bool:
    if isinstance(node, Not):
        return _asks(node.child, not negated)
    if isinstance(node, Comparison):
        return _is_prompt_tag(node) and (negated or not _says_not_a_prompt(node))
    return any(_asks(child, negated) for child in node.children)


def _rewrite(node: Node) -> Node:
    if isinstance(node, Not):
        return Not(_rewrite(node.child))
    if isinstance(node, Comparison):
        return _not_a_prompt() if _says_not_a_prompt(node) else node
    return type(node)(tuple(_rewrite(child) for child in node.children))


def _is_prompt_tag(leaf: Comparison) -> bool:
    return leaf.kind == TAG and leaf.key == models.PROMPT_TAG


def _says_not_a_prompt(leaf: Comparison) -> bool:
    return _is_prompt_tag(leaf) and (leaf.operator, leaf.value) in (("=", "false"), ("!=", "true"))


def _not_a_prompt() -> Node:
    return Not(Comparison(TAG, models.PROMPT_TAG, "=", "true"))
