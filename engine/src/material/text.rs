//! A short text given on the command line.

use serde_json::json;

use super::{Kind, Problem, Reading, Row, Sign, json as strict};
use crate::Limits;

pub(super) const ROW: Row = Row { kind: Kind::String, name: "string", sign: Sign::Never, read };

/// Longest text, in bytes.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Policies see `{"value": "…"}`.
fn read<'a>(bytes: &'a [u8], _: &Limits) -> Reading<'a> {
    if bytes.len() > TEXT_BYTES_MAX {
        let size = bytes.len();
        return Reading::unreadable(Problem::whole(format!(
            "a string of {size} bytes is longer than {TEXT_BYTES_MAX}; hand it over as a file"
        )));
    }
    match strict::utf8(bytes) {
        Ok(text) => Reading {
            json: Some(json!({ "value": text }).to_string().into_bytes().into()),
            ..Reading::default()
        },
        Err(problem) => Reading::unreadable(problem),
    }
}
