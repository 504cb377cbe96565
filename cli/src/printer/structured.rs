//! The record as JSON and YAML.

use std::fmt::Write as _;

use engine::judge::Record;
use serde_json::{Value, json};

/// The record as JSON, with its type.
pub(crate) fn json(record: &Record) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(&typed(record)?)? + "\n")
}

/// The record as YAML, with its type.
pub(crate) fn yaml(record: &Record) -> Result<String, serde_json::Error> {
    Ok(value_to_yaml(&typed(record)?))
}

fn typed(record: &Record) -> Result<Value, serde_json::Error> {
    let mut value = json!({ "apiVersion": "muster.dev/v1", "kind": "Verdict" });
    if let (Some(members), Value::Object(record)) =
        (value.as_object_mut(), serde_json::to_value(record)?)
    {
        members.extend(record);
    }
    Ok(value)
}

/// A value as block YAML; every text is quoted as JSON quotes it, which YAML 1.2 reads alike.
pub(crate) fn value_to_yaml(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value, 0);
    text
}

fn write_value(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                let _infallible = write!(text, "{:indent$}{}:", "", scalar_key(key));
                write_child(text, value, indent);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let _infallible = write!(text, "{:indent$}-", "");
                write_child(text, item, indent);
            }
        }
        scalar => {
            let _infallible = writeln!(text, "{:indent$}{scalar}", "");
        }
    }
}

fn write_child(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('\n');
            write_value(text, value, indent + 2);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            write_value(text, value, indent + 2);
        }
        scalar => {
            let _infallible = writeln!(text, " {scalar}");
        }
    }
}

fn scalar_key(key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let word =
        !matches!(key, "true" | "false" | "null") && !key.starts_with(|c: char| c.is_ascii_digit());
    if plain && word { key.to_owned() } else { Value::from(key).to_string() }
}

#[cfg(test)]
mod tests {
    use engine::Limits;
    use engine::document::Document;
    use serde_json::json;

    use super::value_to_yaml;

    #[test]
    fn what_is_written_reads_back() {
        let value = json!({"a": [1, {"b": "x: y"}, [], {}], "true": null, "c d": "yes", "e": [[1, 2], ["\n"]], "7": 1.5});
        let text = value_to_yaml(&value);
        assert_eq!(Document::parse(&text, &Limits::DEFAULT).unwrap().into_value(), value, "{text}");
    }
}
