//! A JSON document of the user's own making.

use std::borrow::Cow;

use super::json::{self, Outline};
use super::{Kind, Problem, Reading, Row, Sign};
use crate::Limits;

pub(super) const ROW: Row =
    Row { kind: Kind::Evidence, name: "evidence", sign: Sign::Json(recognise), read };

/// The envelope that evidence has by convention: an `id` and its `data`.
fn recognise(outline: &Outline, _: &[u8]) -> bool {
    outline.text("id").is_some() && outline.has("data")
}

fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Reading<'a> {
    let outline = match json::outline(bytes, limits) {
        Ok(outline) => outline,
        Err(problem) => return Reading::unreadable(problem),
    };
    let mut reading = Reading { json: Some(Cow::Borrowed(bytes)), ..Reading::default() };
    if !outline.object && !outline.array {
        reading.problems.push(Problem::whole("evidence is a JSON object or array"));
    }
    reading.fact_if("id", outline.text("id"));
    reading.fact_if("schema", outline.text("schema"));
    reading.problems.extend(outline.duplicates());
    reading
}
