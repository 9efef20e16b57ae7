"""Whether an answer has exactly the shape that its document asks for, by the schema's types."""

from typing import Any

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    type_from_ast,
)

SCALARS: dict[str, tuple[type, ...]] = {
    "Int": (int,), "Float": (int, float), "Boolean": (bool,), "ID": (str,), "String": (str,), "Money": (str,), "Decimal": (str,),
    "DateTime": (str,), "URL": (str,), "HTML": (str,),
}  # fmt: skip


def wrong_with(schema: GraphQLSchema, operation: OperationDefinitionNode, data: Any) -> list[str]:
    """What does not fit: missing or unasked fields, nulls where none may be, enum values and scalars of another kind."""
    root = schema.get_root_type(operation.operation)
    assert root
    return _object(schema, root, operation.selection_set, data, operation.name.value if operation.name else "")


def _object(schema: GraphQLSchema, kind: Any, selected: SelectionSetNode, data: Any, path: str) -> list[str]:
    if not isinstance(data, dict):
        return [f"{path}: {data!r} is no object"]
    fields = _fields(schema, kind, selected, data)
    found = [f"{path}.{name}: not asked for" for name in data.keys() - fields.keys()]
    for name, (field, parent) in fields.items():
        if name not in data:
            found.append(f"{path}.{name}: missing")
        else:
            type_ = parent.fields[field.name.value].type
            found += _value(schema, type_, field.selection_set, data[name], f"{path}.{name}")
    return found


def _fields(
    schema: GraphQLSchema, kind: Any, selected: SelectionSetNode, data: Any
) -> dict[str, tuple[FieldNode, Any]]:
    """A fragment on one type of a union applies when the answer has its fields."""
    fields: dict[str, tuple[FieldNode, Any]] = {}
    for node in selected.selections:
        if isinstance(node, FieldNode):
            fields[node.alias.value if node.alias else node.name.value] = node, kind
        elif isinstance(node, InlineFragmentNode) and data:
            inner = type_from_ast(schema, node.type_condition) if node.type_condition else kind
            assert isinstance(inner, GraphQLObjectType)
            fields |= _fields(schema, inner, node.selection_set, data)
    return fields


def _value(schema: GraphQLSchema, type_: Any, selected: SelectionSetNode | None, data: Any, path: str) -> list[str]:
    if is_non_null_type(type_):
        return [f"{path}: null"] if data is None else _value(schema, type_.of_type, selected, data, path)
    if data is None:
        return []
    if is_list_type(type_):
        if not isinstance(data, list):
            return [f"{path}: no list"]
        return [e for i, x in enumerate(data) for e in _value(schema, type_.of_type, selected, x, f"{path}[{i}]")]
    if is_leaf_type(type_):
        return _leaf(type_, data, path)
    assert selected
    return _object(schema, get_named_type(type_), selected, data, path)


def _leaf(type_: Any, data: Any, path: str) -> list[str]:
    if isinstance(type_, GraphQLEnumType):
        return [] if data in type_.values else [f"{path}: {data!r} is no {type_.name}"]
    kinds = SCALARS[type_.name]
    fits = isinstance(data, kinds) and (bool in kinds or not isinstance(data, bool))
    return [] if fits else [f"{path}: {data!r} is no {type_.name}"]
