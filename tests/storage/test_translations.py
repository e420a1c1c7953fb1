"""Statements in the words of SQLite, said in PostgreSQL's."""

import pytest

from modelkeep.storage.translations import translate


@pytest.mark.parametrize(
    ("sqlite", "postgres", "names"),
    [
        ("SELECT a FROM t WHERE b = :b AND c = :c", "SELECT a FROM t WHERE b = $1 AND c = $2", ("b", "c")),
        ("SELECT :x, :y, :x", "SELECT $1, $2, $1", ("x", "y")),
        ("SELECT ':x', \"c:d\", x::text -- :y\n, :z /* :w */", "SELECT ':x', \"c:d\", x::text -- :y\n, $1 /* :w */", ("z",)),
        ("SELECT 'it''s :x', :y", "SELECT 'it''s :x', $1", ("y",)),
        ("INSERT INTO t VALUES (?, ?, ?)", "INSERT INTO t VALUES ($1, $2, $3)", ()),
        ("INSERT INTO t VALUES (?1,?,?),(?1,?,?)", "INSERT INTO t VALUES ($1,$2,$3),($1,$4,$5)", ()),
        ("SELECT /*sqlite*/max/*postgres greatest*/(a, b)", "SELECT  greatest(a, b)", ()),
        ("SELECT a /*postgres ORDER BY b*/", "SELECT a  ORDER BY b", ()),
        ("SELECT :a/*postgres COLLATE b*/", "SELECT $1 COLLATE b", ("a",)),
        ("SELECT /*sqlite*/:a/*postgres coalesce(:b, 1)*/", "SELECT  coalesce($1, 1)", ("b",)),
        ("SELECT json_group_array(json_array(k, (v))) FROM t", "SELECT coalesce(json_agg(json_build_array(k, (v))), '[]') FROM t", ()),
        ("SELECT json_group_object(k, v)", "SELECT coalesce(json_object_agg(k, v), '{}')", ()),
        ("SELECT instr(a, '/')", "SELECT strpos(a, '/')", ()),
    ],
)  # fmt: skip
def test_a_statement_is_said_in_postgresqls_words(sqlite, postgres, names):
    translation = translate(sqlite)

    assert translation.text.decode() == postgres
    assert translation.names == names


def test_a_list_becomes_an_array():
    translation = translate("SELECT a FROM t WHERE b IN (SELECT value FROM json_each(:ids)) AND c = :c")

    assert translation.text == b"SELECT a FROM t WHERE b = ANY($1) AND c = $2"
    assert translation.lists == {"ids"}


@pytest.mark.parametrize(
    ("statement", "changes"),
    [("SELECT 1", False), ("\n  with a as (select 1) select 2", False), ("INSERT INTO t VALUES (1) RETURNING a", True)],
)
def test_a_statement_that_changes_something_is_known(statement, changes):
    assert translate(statement).changes is changes
