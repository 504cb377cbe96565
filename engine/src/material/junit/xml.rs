//! The XML of a test report, read event by event with a stack of our own: no depth can exhaust the real one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use quick_xml::events::attributes::AttrError;
use quick_xml::events::{BytesDecl, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::model::{Case, Counts, Report, Status, Suite};
use crate::material::json::shown;

/// Longest text of an unsuccessful case that stands in for a missing message, in characters.
const MESSAGE_CHARS_MAX: usize = 1_000;

/// Why an XML document is not a test report.
#[derive(Debug, thiserror::Error)]
pub(super) enum XmlError {
    #[error("it is not XML: {error} at byte {at}")]
    Malformed { error: quick_xml::Error, at: u64 },
    #[error("an attribute is not XML: {0}")]
    Attribute(#[from] AttrError),
    #[error("it has a document type, which is refused: entities can be bombs")]
    DocType,
    #[error("the entity `&{0};` is not one of XML's own")]
    Entity(String),
    #[error("the attribute `{key}` has a bad reference: {error}")]
    Escape { key: String, error: quick_xml::Error },
    #[error("its encoding is `{0}`; only UTF-8 is read")]
    Encoding(String),
    #[error("its root element is `{0}`, not `testsuites` or `testsuite`")]
    Root(String),
    #[error("`{0}` is not a count")]
    Count(String),
    #[error("`{0}` stands where it does not belong")]
    Misplaced(String),
    #[error("it nests deeper than {0} levels")]
    Depth(usize),
    #[error("it ends inside an element, or before the first")]
    Truncated,
}

/// An element whose end has not been seen.
enum Open {
    Root { declared: Counts, time: Option<f64> },
    Suite { at: usize, declared: Counts, nested: Counts },
    Case(Case),
    Mark { status: Status, message: Option<String>, type_: Option<String>, text: String },
    Other,
}

#[derive(Default)]
struct Parser {
    report: Report,
    open: Vec<Open>,
    ended: bool,
}

/// Parses a report; the totals are the larger of what is declared and what is shown.
pub(super) fn parse(text: &str, depth_max: usize) -> Result<Report, XmlError> {
    let mut reader = Reader::from_str(text);
    let mut parser = Parser::default();
    loop {
        let at = reader.buffer_position();
        match reader.read_event().map_err(|error| XmlError::Malformed { error, at })? {
            Event::Start(element) => parser.start(&element)?,
            Event::Empty(element) => {
                parser.start(&element)?;
                parser.end();
            }
            Event::End(_) => parser.end(),
            Event::Text(text) => parser.text(&text.xml10_content()),
            Event::CData(text) => parser.text(&text.xml10_content()),
            Event::GeneralRef(entity) => {
                let name = entity.xml10_content();
                let resolved = match entity.resolve_char_ref() {
                    Ok(Some(character)) => Some(character.to_string()),
                    _ => quick_xml::escape::resolve_xml_entity(&name).map(str::to_owned),
                };
                parser.text(&resolved.ok_or_else(|| XmlError::Entity(shown(&name)))?);
            }
            Event::DocType(_) => return Err(XmlError::DocType),
            Event::Decl(declaration) => check_encoding(&declaration)?,
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
        if parser.open.len() > depth_max {
            return Err(XmlError::Depth(depth_max));
        }
    }
    if parser.ended { Ok(parser.report) } else { Err(XmlError::Truncated) }
}

fn check_encoding(declaration: &BytesDecl<'_>) -> Result<(), XmlError> {
    let encoding = declaration.encoding().transpose()?.unwrap_or(Cow::Borrowed("UTF-8"));
    let known = ["utf-8", "utf8", "us-ascii", "ascii"];
    let fits = known.contains(&encoding.to_ascii_lowercase().as_str());
    if fits { Ok(()) } else { Err(XmlError::Encoding(shown(&encoding))) }
}

impl Parser {
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), XmlError> {
        let attributes = Attributes::of(element)?;
        let name = element.local_name();
        let open = match (name.as_ref(), self.open.last_mut()) {
            (_, None) if self.ended => return Err(XmlError::Misplaced(shown(name.as_ref()))),
            ("testsuites", None) => {
                Open::Root { declared: attributes.counts()?, time: attributes.time() }
            }
            ("testsuite", None | Some(Open::Root { .. } | Open::Suite { .. })) => {
                self.suite(attributes)?
            }
            (other, None) => return Err(XmlError::Root(shown(other))),
            ("testcase", Some(Open::Suite { .. })) => Open::Case(attributes.case()),
            ("testsuite" | "testsuites" | "testcase", Some(_)) => {
                return Err(XmlError::Misplaced(shown(name.as_ref())));
            }
            ("failure", Some(Open::Case(_))) => attributes.mark(Status::Failed),
            ("error", Some(Open::Case(_))) => attributes.mark(Status::Error),
            ("skipped" | "disabled", Some(Open::Case(_))) => attributes.mark(Status::Skipped),
            ("property", Some(_)) => {
                self.property(attributes);
                Open::Other
            }
            (_, Some(_)) => Open::Other,
        };
        self.open.push(open);
        Ok(())
    }

    fn suite(&mut self, attributes: Attributes) -> Result<Open, XmlError> {
        let declared = attributes.counts()?;
        let at = self.report.suites.len();
        self.report.suites.push(attributes.suite());
        Ok(Open::Suite { at, declared, nested: Counts::default() })
    }

    /// Gives a property to the nearest case or suite.
    fn property(&mut self, mut attributes: Attributes) {
        let Some(name) = attributes.take("name") else { return };
        let value = attributes.take("value").unwrap_or_default();
        for open in self.open.iter_mut().rev() {
            match open {
                Open::Case(case) => {
                    case.properties.insert(name, value);
                    return;
                }
                Open::Suite { at, .. } => {
                    if let Some(suite) = self.report.suites.get_mut(*at) {
                        suite.properties.insert(name, value);
                    }
                    return;
                }
                _ => {}
            }
        }
    }

    fn text(&mut self, more: &str) {
        if let Some(Open::Mark { text, message: None, .. }) = self.open.last_mut() {
            let left = MESSAGE_CHARS_MAX.saturating_sub(text.chars().count());
            text.extend(more.chars().take(left));
        }
    }

    fn end(&mut self) {
        let ended = self.open.pop();
        self.ended = self.open.is_empty();
        match ended {
            Some(Open::Root { declared, time }) => {
                self.report.counts = self.report.counts.zip(declared, u64::max);
                self.report.time = time.or(self.report.time);
            }
            Some(Open::Suite { at, declared, nested }) => self.end_suite(at, declared, nested),
            Some(Open::Case(case)) => self.end_case(case),
            Some(Open::Mark { status, message, type_, text }) => {
                if let Some(Open::Case(case)) = self.open.last_mut()
                    && status > case.status
                {
                    let text = text.trim();
                    let text = (!text.is_empty()).then(|| text.to_owned());
                    case.status = status;
                    case.message = message.or(text);
                    case.type_ = type_;
                }
            }
            Some(Open::Other) | None => {}
        }
    }

    fn end_case(&mut self, case: Case) {
        if let Some(Open::Suite { at, .. }) = self.open.last()
            && let Some(suite) = self.report.suites.get_mut(*at)
        {
            suite.cases.push(case);
        }
    }

    /// A suite may declare its nested suites' counts as well; those are theirs.
    fn end_suite(&mut self, at: usize, declared: Counts, nested: Counts) {
        let Some(suite) = self.report.suites.get_mut(at) else { return };
        let own = declared.zip(nested, u64::saturating_sub).zip(suite.shown(), u64::max);
        suite.set(own);
        let time = suite.time;
        let total = own.zip(nested, u64::saturating_add);
        if let Some(Open::Suite { nested, .. }) = self.open.last_mut() {
            *nested = nested.zip(total, u64::saturating_add);
        } else {
            self.report.counts = self.report.counts.zip(total, u64::saturating_add);
            self.report.time = match (self.report.time, time) {
                (Some(a), Some(b)) => Some(a + b),
                (a, b) => a.or(b),
            };
        }
    }
}

/// The attributes of one element.
struct Attributes(BTreeMap<String, String>);

impl Attributes {
    fn of(element: &BytesStart<'_>) -> Result<Self, XmlError> {
        let mut all = BTreeMap::new();
        for attribute in element.attributes() {
            let attribute = attribute?;
            let key = attribute.key.as_ref().to_owned();
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| XmlError::Escape { key: shown(&key), error })?;
            all.insert(key, value.into_owned());
        }
        Ok(Self(all))
    }

    fn take(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    /// A count that cannot be read must not count as zero.
    fn count(&self, key: &str) -> Result<u64, XmlError> {
        let text = self.0.get(key).map_or("", |text| text.trim());
        if text.is_empty() {
            return Ok(0);
        }
        text.parse().ok().ok_or_else(|| XmlError::Count(shown(text)))
    }

    fn counts(&self) -> Result<Counts, XmlError> {
        Ok(Counts {
            tests: self.count("tests")?,
            failures: self.count("failures")?,
            errors: self.count("errors")?,
            skipped: self.count("skipped")?.max(self.count("disabled")?),
        })
    }

    /// Seconds, with the thousands commas that some tools write; nothing when it is no duration.
    fn time(&self) -> Option<f64> {
        let seconds = self.0.get("time")?.trim().replace(',', "").parse::<f64>().ok()?;
        (seconds.is_finite() && seconds >= 0.0).then_some(seconds)
    }

    fn suite(mut self) -> Suite {
        Suite {
            time: self.time(),
            name: self.take("name").unwrap_or_default(),
            timestamp: self.take("timestamp"),
            ..Suite::default()
        }
    }

    fn case(mut self) -> Case {
        Case {
            time: self.time(),
            name: self.take("name").unwrap_or_default(),
            classname: self.take("classname"),
            ..Case::default()
        }
    }

    fn mark(mut self, status: Status) -> Open {
        let message = self.take("message").filter(|message| !message.trim().is_empty());
        Open::Mark { status, message, type_: self.take("type"), text: String::new() }
    }
}
