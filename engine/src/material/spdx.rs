//! SPDX 2.2 and 2.3 documents in JSON.
//!
//! The structure is checked by `spdx-rs`; what its types leave open (versions, identifiers, references) is checked here.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;
use spdx_rs::models::{PackageInformation, SPDX};

use super::json::{self, Outline, shown};
use super::{Kind, Problem, Reading, Row, Sign};
use crate::Limits;

pub(super) const ROW: Row =
    Row { kind: Kind::SbomSpdxJson, name: "sbom-spdx-json", sign: Sign::Json(recognise), read };

const VERSIONS: [&str; 2] = ["SPDX-2.2", "SPDX-2.3"];
const DOCUMENT: &str = "SPDXRef-DOCUMENT";

fn recognise(outline: &Outline, _: &[u8]) -> bool {
    outline.has("spdxVersion")
}

fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Reading<'a> {
    let outline = match json::outline(bytes, limits) {
        Ok(outline) => outline,
        Err(problem) => return Reading::unreadable(problem),
    };
    let mut reading = Reading { json: Some(Cow::Borrowed(bytes)), ..Reading::default() };
    reading.problems.extend(outline.duplicates());
    match outline.text("spdxVersion") {
        Some(version) if VERSIONS.contains(&version) => {}
        version => {
            let found = shown(version.unwrap_or_default());
            let message = format!("`{found}` is not a version that is read: SPDX-2.2 or SPDX-2.3");
            reading.problems.push(Problem::at("/spdxVersion", message));
            return reading;
        }
    }
    match parse(bytes) {
        Ok(document) => {
            judge(&document, &mut reading.problems);
            note(&document, &mut reading);
        }
        Err(problem) => reading.problems.push(problem),
    }
    reading
}

/// `spdx-rs` knows `PERSISTENT-ID` only in the misspelling `PERSISTENT_ID`, and would refuse what the specification allows.
fn parse(bytes: &[u8]) -> Result<SPDX, Problem> {
    let problem = match json::parse(bytes) {
        Err(problem) if problem.pointer.ends_with("/referenceCategory") => problem,
        result => return result,
    };
    let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else { return Err(problem) };
    let packages = value.get_mut("packages").and_then(Value::as_array_mut).into_iter().flatten();
    let references = packages
        .filter_map(|package| package.get_mut("externalRefs")?.as_array_mut())
        .flatten()
        .filter_map(|reference| reference.get_mut("referenceCategory"));
    for category in references.filter(|category| **category == "PERSISTENT-ID") {
        *category = "PERSISTENT_ID".into();
    }
    json::parse(value.to_string().as_bytes())
}

fn judge(document: &SPDX, problems: &mut Vec<Problem>) {
    let information = &document.document_creation_information;
    let mut expect = |holds: bool, place: &str, message: &str| {
        if !holds {
            problems.push(Problem::at(place, message));
        }
    };
    expect(information.spdx_identifier == DOCUMENT, "/SPDXID", "a document is `SPDXRef-DOCUMENT`");
    expect(information.data_license == "CC0-1.0", "/dataLicense", "the data licence is `CC0-1.0`");
    let namespace = &information.spdx_document_namespace;
    expect(
        namespace.contains(':') && !namespace.contains('#'),
        "/documentNamespace",
        "the namespace is an absolute URI without a fragment",
    );
    let creators = &information.creation_info.creators;
    expect(!creators.is_empty(), "/creationInfo/creators", "a document has a creator");
    for (index, creator) in creators.iter().enumerate() {
        let known = ["Person: ", "Organization: ", "Tool: "].iter().any(|p| creator.starts_with(p));
        let place = format!("/creationInfo/creators/{index}");
        expect(known, &place, "a creator starts with `Person: `, `Organization: ` or `Tool: `");
    }
    let known = identifiers(document, problems);
    references(document, &known, problems);
}

/// Every element's identifier, each well-formed and unique.
fn identifiers<'d>(document: &'d SPDX, problems: &mut Vec<Problem>) -> BTreeSet<&'d str> {
    let mut known = BTreeSet::from([DOCUMENT]);
    let packages = document.package_information.iter().map(|p| p.package_spdx_identifier.as_str());
    let files = document.file_information.iter().map(|f| f.file_spdx_identifier.as_str());
    let snippets = document.snippet_information.iter().map(|s| s.snippet_spdx_identifier.as_str());
    let all = [
        ("packages", packages.collect::<Vec<_>>()),
        ("files", files.collect()),
        ("snippets", snippets.collect()),
    ];
    for (list, ids) in all {
        for (index, id) in ids.into_iter().enumerate() {
            let place = || format!("/{list}/{index}/SPDXID");
            if !is_element_id(id) {
                let message = format!(
                    "`{}` is not `SPDXRef-` and letters, digits, `.`, `-` or `_`",
                    shown(id)
                );
                problems.push(Problem::at(place(), message));
            }
            if !known.insert(id) {
                let message = format!("`{}` occurs twice, and must be unique", shown(id));
                problems.push(Problem::at(place(), message));
            }
        }
    }
    known
}

/// The specification has letters, digits, dots and hyphens; underscores are added because the official schema lets
/// them pass, common tools write them, and nothing is ambiguous with them.
fn is_element_id(id: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    id.strip_prefix("SPDXRef-").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(legal))
}

/// Relationships and descriptions point to elements of this document, or declare that they point elsewhere.
fn references(document: &SPDX, known: &BTreeSet<&str>, problems: &mut Vec<Problem>) {
    let mut resolve = |id: &str, place: String, literals: &[&str]| {
        let elsewhere = id.starts_with("DocumentRef-") || literals.contains(&id);
        if !elsewhere && !known.contains(id) {
            let message = format!("`{}` is no element of the document", shown(id));
            problems.push(Problem::at(place, message));
        }
    };
    for (index, relationship) in document.relationships.iter().enumerate() {
        let place = format!("/relationships/{index}");
        resolve(&relationship.spdx_element_id, format!("{place}/spdxElementId"), &[]);
        let related = format!("{place}/relatedSpdxElement");
        resolve(&relationship.related_spdx_element, related, &["NONE", "NOASSERTION"]);
    }
    let described = &document.document_creation_information.document_describes;
    for (index, id) in described.iter().enumerate() {
        resolve(id, format!("/documentDescribes/{index}"), &[]);
    }
}

fn note(document: &SPDX, reading: &mut Reading<'_>) {
    let information = &document.document_creation_information;
    reading.fact("spec_version", information.spdx_version.as_str());
    reading.fact("name", information.document_name.as_str());
    reading.fact("namespace", information.spdx_document_namespace.as_str());
    let created = crate::Timestamp::from_datetime(information.creation_info.created);
    reading.fact("timestamp", created.to_string());
    reading.fact("packages", document.package_information.len());
    reading.fact("files", document.file_information.len());
    reading.fact("relationships", document.relationships.len());
    let creators = &information.creation_info.creators;
    if let Some(tool) = creators.iter().find_map(|creator| creator.strip_prefix("Tool: ")) {
        let (name, version) = tool_version(tool);
        reading.named("tool", Some(name), version);
    }
    if let Some(package) = described(document) {
        reading.named("component", Some(&package.package_name), package.package_version.as_deref());
    }
}

/// Splits `syft-1.2.3`, `cargo-sbom-v0.10.0`: the version starts after the first hyphen that a digit follows.
fn tool_version(tool: &str) -> (&str, Option<&str>) {
    let is_version = |rest: &str| {
        rest.strip_prefix('v').unwrap_or(rest).starts_with(|c: char| c.is_ascii_digit())
    };
    tool.match_indices('-')
        .filter_map(|(at, _)| tool.split_at_checked(at))
        .filter_map(|(name, rest)| Some((name, rest.strip_prefix('-')?)))
        .find(|(_, rest)| is_version(rest))
        .map_or((tool, None), |(name, rest)| (name, Some(rest)))
}

/// The one package that the document describes; none when it describes several.
fn described(document: &SPDX) -> Option<&PackageInformation> {
    use spdx_rs::models::RelationshipType::{DescribedBy, Describes};
    let related = document.relationships.iter().filter_map(|r| match r.relationship_type {
        Describes if r.spdx_element_id == DOCUMENT => Some(&r.related_spdx_element),
        DescribedBy if r.related_spdx_element == DOCUMENT => Some(&r.spdx_element_id),
        _ => None,
    });
    let declared = document.document_creation_information.document_describes.iter();
    let ids: BTreeSet<&String> = declared.chain(related).collect();
    let mut packages = document
        .package_information
        .iter()
        .filter(|package| ids.contains(&package.package_spdx_identifier));
    let first = packages.next();
    if packages.next().is_some() { None } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_split_where_the_version_starts() {
        for (tool, name, version) in [
            ("syft-1.2.3", "syft", Some("1.2.3")),
            ("cargo-sbom-v0.10.0", "cargo-sbom", Some("v0.10.0")),
            ("trivy-0.50.1-rc.1", "trivy", Some("0.50.1-rc.1")),
            ("spdx-tools", "spdx-tools", None),
            ("", "", None),
        ] {
            assert_eq!(tool_version(tool), (name, version), "{tool}");
        }
    }
}
