//! Whether the values of variables fit their types, before anything is executed.
//!
//! The library coerces a variable when a field uses it; a request whose variables do not fit is wrong as a whole.

use async_graphql::parser::types::{BaseType, OperationDefinition, Type};
use serde_json::{Map, Value};

/// Checks presence, null and the types that every schema has, and digests.
pub(crate) fn check(
    operation: &OperationDefinition,
    values: &Map<String, Value>,
) -> Result<(), String> {
    for definition in &operation.variable_definitions {
        let definition = &definition.node;
        let (name, kind) = (definition.name.node.as_str(), &definition.var_type.node);
        match values.get(name) {
            None if kind.nullable || definition.default_value.is_some() => {}
            None => return Err(format!("the variable `${name}` of type `{kind}` is missing")),
            Some(value) if fits(kind, value) => {}
            Some(_) => {
                return Err(format!("the value of the variable `${name}` is not of type `{kind}`"));
            }
        }
    }
    Ok(())
}

fn fits(kind: &Type, value: &Value) -> bool {
    if value.is_null() {
        return kind.nullable;
    }
    match (&kind.base, value) {
        (BaseType::List(inner), Value::Array(values)) => {
            values.iter().all(|value| fits(inner, value))
        }
        // A single value stands for a list of one.
        (BaseType::List(inner), value) => fits(inner, value),
        (BaseType::Named(name), value) => match name.as_str() {
            "Int" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            "Float" => value.is_number(),
            "String" | "Timestamp" => value.is_string(),
            "Boolean" => value.is_boolean(),
            "ID" => value.is_string() || value.is_i64() || value.is_u64(),
            "UInt64" => value.is_u64(),
            "Digest" => value.as_str().is_some_and(|text| text.parse::<engine::Digest>().is_ok()),
            // Enumerations; a type that does not exist is reported by validation.
            _ => true,
        },
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_fit_their_types_or_are_refused() {
        let digest = engine::Digest::of("");
        for (kind, value, expected) in [
            ("Int", json!(1), true),
            ("Int", json!(null), true),
            ("Int", json!("1"), false),
            ("Int", json!(2_147_483_648_u64), false),
            ("Int!", json!(null), false),
            ("ID!", json!("x"), true),
            ("ID!", json!({}), false),
            ("String!", json!(1), false),
            ("Boolean", json!(0), false),
            ("UInt64", json!(-1), false),
            ("[Digest!]!", json!([digest]), true),
            ("[Digest!]!", json!(digest), true),
            ("[Digest!]!", json!([digest, null]), false),
            ("[Digest!]!", json!(["sha256:x"]), false),
        ] {
            let document = parse_query(format!("query ($a: {kind}) {{ __typename }}")).unwrap();
            let (_, operation) = document.operations.iter().next().unwrap();
            let values = json!({ "a": value });
            let checked = check(&operation.node, values.as_object().unwrap());
            assert_eq!(checked.is_ok(), expected, "{kind} {value}");
        }
    }

    #[test]
    fn a_variable_may_be_absent_only_with_a_default_or_a_nullable_type() {
        for (kind, expected) in [("Int!", false), ("Int! = 1", true), ("Int", true)] {
            let document = parse_query(format!("query ($a: {kind}) {{ __typename }}")).unwrap();
            let (_, operation) = document.operations.iter().next().unwrap();
            assert_eq!(check(&operation.node, &Map::new()).is_ok(), expected, "{kind}");
        }
    }
}
