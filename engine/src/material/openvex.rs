//! OpenVEX documents, version 0.2.0.
//!
//! A reader of our own: the `openvex` crate still speaks the shape from before 0.2.0.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{self, Outline, shown};
use super::{Kind, Problem, Reading, Row, Sign};
use crate::{Limits, Timestamp};

pub(super) const ROW: Row =
    Row { kind: Kind::OpenVex, name: "openvex", sign: Sign::Json(recognise), read };

const CONTEXT: &str = "https://openvex.dev/ns";
const CONTEXT_VERSION: &str = "https://openvex.dev/ns/v0.2.0";
const STATUSES: [&str; 4] = ["not_affected", "affected", "fixed", "under_investigation"];
const JUSTIFICATIONS: [&str; 5] = [
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
];

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "@context")]
    context: String,
    #[serde(rename = "@id")]
    id: String,
    author: String,
    timestamp: String,
    last_updated: Option<String>,
    version: u64,
    tooling: Option<String>,
    statements: Vec<Statement>,
}

#[derive(Deserialize)]
struct Statement {
    vulnerability: Vulnerability,
    timestamp: Option<String>,
    #[serde(default)]
    products: Vec<Product>,
    status: String,
    justification: Option<String>,
    #[serde(rename = "impact_statement")]
    impact: Option<String>,
    #[serde(rename = "action_statement")]
    action: Option<String>,
}

#[derive(Deserialize)]
struct Vulnerability {
    name: String,
}

#[derive(Deserialize)]
struct Product {
    #[serde(rename = "@id")]
    id: Option<String>,
    identifiers: Option<BTreeMap<String, Value>>,
    hashes: Option<BTreeMap<String, Value>>,
}

fn recognise(outline: &Outline, _: &[u8]) -> bool {
    outline.text("@context").is_some_and(|context| context.starts_with(CONTEXT))
}

fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Reading<'a> {
    let outline = match json::outline(bytes, limits) {
        Ok(outline) => outline,
        Err(problem) => return Reading::unreadable(problem),
    };
    let mut reading = Reading { json: Some(Cow::Borrowed(bytes)), ..Reading::default() };
    reading.problems.extend(outline.duplicates());
    match json::parse::<Document>(bytes) {
        Ok(document) => {
            document.judge(&mut reading.problems);
            document.note(&mut reading);
        }
        Err(problem) => reading.problems.push(problem),
    }
    reading
}

impl Document {
    fn judge(&self, problems: &mut Vec<Problem>) {
        let mut expect = |holds: bool, place: &str, message: &str| {
            if !holds {
                problems.push(Problem::at(place, message));
            }
        };
        expect(self.context == CONTEXT_VERSION, "/@context", "only OpenVEX v0.2.0 is read");
        expect(!self.id.is_empty(), "/@id", "it is empty");
        expect(!self.author.is_empty(), "/author", "it is empty");
        expect(self.version >= 1, "/version", "the version of a document is 1 or more");
        expect(!self.statements.is_empty(), "/statements", "the document states nothing");
        for (key, time) in
            [("/timestamp", Some(&self.timestamp)), ("/last_updated", self.last_updated.as_ref())]
        {
            expect(time.is_none_or(|time| is_time(time)), key, "it is not an RFC 3339 time");
        }
        for (index, statement) in self.statements.iter().enumerate() {
            statement.judge(&format!("/statements/{index}"), problems);
        }
    }

    fn note(&self, reading: &mut Reading<'_>) {
        reading.fact("spec_version", self.context.rsplit("/v").next().unwrap_or_default());
        reading.fact("id", self.id.as_str());
        reading.fact("author", self.author.as_str());
        reading.fact("version", self.version);
        reading.fact("timestamp", self.last_updated.as_deref().unwrap_or(&self.timestamp));
        reading.named("tool", self.tooling.as_deref(), None);
        let count = |status: &str| self.statements.iter().filter(|s| s.status == status).count();
        let statuses: BTreeMap<&str, usize> = STATUSES.map(|status| (status, count(status))).into();
        reading.fact("statements", self.statements.len());
        reading.fact("statuses", json!(statuses));
    }
}

impl Statement {
    fn judge(&self, place: &str, problems: &mut Vec<Problem>) {
        let mut problem = |key: &str, message: String| {
            problems.push(Problem::at(format!("{place}{key}"), message));
        };
        let blank = |text: &Option<String>| text.as_ref().is_none_or(|text| text.trim().is_empty());
        if self.vulnerability.name.is_empty() {
            problem("/vulnerability/name", "it is empty".to_owned());
        }
        if self.timestamp.as_ref().is_some_and(|time| !is_time(time)) {
            problem("/timestamp", "it is not an RFC 3339 time".to_owned());
        }
        if self.products.is_empty() {
            problem("/products", "the statement is about no product".to_owned());
        }
        for (index, product) in self.products.iter().enumerate() {
            if product.is_nameless() {
                problem(&format!("/products/{index}"), "the product has no identifier".to_owned());
            }
        }
        if !STATUSES.contains(&self.status.as_str()) {
            problem("/status", format!("`{}` is not a status", shown(&self.status)));
        }
        if let Some(text) =
            self.justification.as_ref().filter(|t| !JUSTIFICATIONS.contains(&t.as_str()))
        {
            problem("/justification", format!("`{}` is not a justification", shown(text)));
        }
        let unexplained = self.justification.is_none() && blank(&self.impact);
        if self.status == "not_affected" && unexplained {
            problem("", "not_affected needs a justification or an impact_statement".to_owned());
        }
        if self.status == "affected" && blank(&self.action) {
            problem("", "affected needs an action_statement".to_owned());
        }
    }
}

impl Product {
    fn is_nameless(&self) -> bool {
        let none =
            |map: &Option<BTreeMap<String, Value>>| map.as_ref().is_none_or(BTreeMap::is_empty);
        self.id.as_ref().is_none_or(String::is_empty)
            && none(&self.identifiers)
            && none(&self.hashes)
    }
}

fn is_time(text: &str) -> bool {
    text.contains('T') && text.parse::<Timestamp>().is_ok()
}
