"""The API table as an OpenAPI 3.1 document."""

from __future__ import annotations

from typing import Any

import msgspec

from modelkeep.api.call import Call
from modelkeep.api.errors import ErrorShape


def document(calls: tuple[Call, ...]) -> bytes:
    """The document as JSON (OpenAPI 3.1.0, https://spec.openapis.org/oas/v3.1.0)."""
    shapes: list[Any] = [ErrorShape]
    for call in calls:
        shapes.append(call.request)
        if call.shape is not None:
            shapes.append(call.shape)
    schemas, components = msgspec.json.schema_components(
        list(dict.fromkeys(shapes)), ref_template="#/components/schemas/{name}"
    )
    schema_of = dict(zip(dict.fromkeys(shapes), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for call in calls:
        path = f"/api/{call.version}/{call.path}"
        paths.setdefault(path, {})[call.method.lower()] = _operation(call, schema_of, components)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Modelkeep",
                "version": "2.0",
                "description": "MLflow's REST API, and what a model registry needs beside it.",
            },
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "basic": {"type": "http", "scheme": "basic"},
                },
            },
            "security": [{"bearer": []}, {"basic": []}],
        }
    )


def _operation(call: Call, schema_of: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    reply = schema_of[call.shape] if call.shape is not None else {"type": "object"}
    operation: dict[str, Any] = {
        "operationId": f"{call.method.lower()}.{call.path}",
        "summary": call.summary,
        "x-action": call.action,
        "x-resource": call.resource,
        "responses": {
            "200": {"description": "Done, and durable.", "content": {"application/json": {"schema": reply}}},
            "default": {
                "description": "What is wrong and what to do.",
                "content": {"application/json": {"schema": schema_of[ErrorShape]}},
            },
        },
    }
    properties = _properties(schema_of[call.request], components)
    in_path = [name for name in properties if f"{{{name}}}" in call.path]
    operation["parameters"] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in in_path
    ]
    if call.method == "GET":
        operation["parameters"] += [
            {"name": name, "in": "query", "required": name in call.required, "schema": schema}
            for name, schema in properties.items()
            if name not in in_path
        ]
    else:
        operation["requestBody"] = {"content": {"application/json": {"schema": schema_of[call.request]}}}
    return operation


def _properties(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return dict(components.get(name, schema).get("properties", {}))
