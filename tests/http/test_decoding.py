import pytest

from modelkeep.api import models, versions
from modelkeep.domain.errors import Invalid
from modelkeep.domain.tags import Tag
from modelkeep.http.decoding import Decoder

CALLS = {(call.method, call.path): call for call in (*models.CALLS, *versions.CALLS)}
CREATE = Decoder(CALLS["POST", "mlflow/registered-models/create"])
GET_VERSION = Decoder(CALLS["GET", "mlflow/model-versions/get"])
TRANSITION = Decoder(CALLS["POST", "mlflow/model-versions/transition-stage"])
SEARCH = Decoder(CALLS["GET", "mlflow/model-versions/search"])


def test_a_body_becomes_the_verbs_arguments():
    found = CREATE.body(b'{"name": "churn", "tags": [{"key": "k", "value": "v"}], "unknown": 1}')

    assert found == {"name": "churn", "tags": [Tag("k", "v")], "description": None}


def test_lower_camel_case_is_accepted():
    found = TRANSITION.body(b'{"name": "m", "version": "1", "stage": "Staging", "archiveExistingVersions": true}')

    assert found["archive_existing_versions"] is True


def test_one_field_in_two_spellings_is_refused():
    with pytest.raises(Invalid, match="given twice"):
        TRANSITION.body(
            b'{"name":"m","version":"1","stage":"x","archive_existing_versions":true,"archiveExistingVersions":true}'
        )


def test_json_inside_a_json_string_is_decoded_once_more():
    assert CREATE.body(b'"{\\"name\\": \\"churn\\"}"')["name"] == "churn"


def test_null_means_not_given():
    assert CREATE.body(b'{"name": "churn", "description": null}')["description"] is None


@pytest.mark.parametrize("body", [b"", b"  ", b"null", b"{}", b'{"name": ""}', b'{"name": null}'])
def test_a_missing_required_field_is_said_in_mlflows_words(body):
    with pytest.raises(Invalid, match=r"^Missing value for required parameter 'name'\. See the API docs"):
        CREATE.body(body)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[]", "must be a JSON object, got a list"),
        (b"5", "must be a JSON object, got a number"),
        (b'"text"', "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"name": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"name": 5}', "Invalid value 5 for parameter 'name' supplied"),
        (b'{"name": "m", "tags": {}}', "parameter 'tags'"),
        (b'{"name": "m", "tags": [{"key": 1}]}', "Invalid value 1 for parameter 'tags"),
    ],
)
def test_a_body_that_cannot_be_read_says_why(body, says):
    with pytest.raises(Invalid, match=None) as caught:
        CREATE.body(body)
    assert says in caught.value.message


@pytest.mark.parametrize("version", [b"2", b"2.0", b"true", b'["2"]', b'{"a": 1}'])
def test_a_text_field_refuses_other_types(version):
    with pytest.raises(Invalid, match="parameter 'version'"):
        TRANSITION.body(b'{"name": "m", "stage": "Staging", "version": ' + version + b"}")


def test_a_query_repeats_lists_and_ignores_unknown_fields():
    found = SEARCH.query("filter=name%3D%27a+b%27&order_by=name+ASC&order_by=version_number&max_results=7&x=1")

    assert found["filter"] == "name='a b'"
    assert found["order_by"] == ["name ASC", "version_number"]
    assert found["max_results"] == 7


@pytest.mark.parametrize("query", ["max_results=1.5", "max_results=x", "max_results=99999999999999999999"])
def test_a_query_with_a_wrong_number_is_refused(query):
    with pytest.raises(Invalid, match="parameter 'max_results'"):
        SEARCH.query(query)


def test_a_query_that_is_not_utf8_is_refused():
    with pytest.raises(Invalid, match="query string"):
        GET_VERSION.query("name=%ff&version=1")
