import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid, NotFound, PermissionDenied, Unauthenticated
from modelkeep.registry import tokens


def test_a_token_identifies_its_user_until_it_is_revoked(actor, registry):
    token = tokens.create(actor, registry, "bob", "writer")
    assert (tokens.identify(registry, token.secret).user, tokens.identify(registry, token.secret).role) == (
        "bob",
        "writer",
    )

    tokens.revoke(actor, registry, token.id)

    with pytest.raises(Unauthenticated):
        tokens.identify(registry, token.secret)


def test_a_secret_is_stored_nowhere(actor, registry):
    secret = tokens.create(actor, registry, "bob", "writer").secret

    assert [token.secret for token in tokens.list_all(actor, registry)] == [None]
    for file in registry.folder.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes()


def test_an_unknown_secret_is_refused(registry):
    for secret in ("", "mk_nope", "x\ud800"):
        with pytest.raises(Unauthenticated):
            tokens.identify(registry, secret)


def test_an_unknown_role_or_missing_user_is_refused(actor, registry):
    for user, role in (("bob", "king"), ("", "reader"), (None, "reader"), ("bob", None)):
        with pytest.raises(Invalid):
            tokens.create(actor, registry, user, role)


def test_revoking_an_unknown_token_is_not_found(actor, registry):
    with pytest.raises(NotFound):
        tokens.revoke(actor, registry, "nope")


def test_only_administrators_manage_tokens(registry):
    for role in ("reader", "writer", "approver"):
        with pytest.raises(PermissionDenied):
            tokens.create(Actor("eve", role, True, "http"), registry, "eve", "admin")


def test_an_unverified_caller_over_http_manages_no_tokens(registry):
    with pytest.raises(PermissionDenied, match="verified administrator"):
        tokens.create(Actor("anonymous", "admin", False, "http"), registry, "eve", "admin")
