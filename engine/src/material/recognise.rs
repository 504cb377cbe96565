//! What some bytes are, by their content alone.

use std::ops::ControlFlow;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::json::{BOM, Outline};
use super::{Kind, ROWS, Row, Sign, archive};
use crate::Limits;

/// How much of a file is looked at to find its XML root element, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How much of an archive is looked at to find its XML files.
const GLANCE: Limits =
    Limits { archive_entries_max: 10_000, archive_bytes_max: 64 << 20, ..Limits::DEFAULT };

/// Recognises a material by its content; a file's name proves nothing, and is not asked.
///
/// One pass over the content: JSON by its top-level keys, XML by its root element, archives by the XML files in
/// them. A damaged file is recognised by what is left, so that reading it reports the damage. What is nothing known
/// is an artifact.
pub fn recognise(bytes: &[u8]) -> Kind {
    let content = bytes.strip_prefix(BOM).unwrap_or(bytes).trim_ascii_start();
    let row = match content.first() {
        Some(b'{') => by_keys(content),
        Some(b'<') => by_root(content),
        _ if archive::is_archive(bytes) => by_entries(bytes),
        _ => None,
    };
    row.map_or(Kind::Artifact, |row| row.kind)
}

fn by_keys(content: &[u8]) -> Option<&'static Row> {
    let (outline, _) = Outline::of(content);
    ROWS.iter().find(|row| matches!(row.sign, Sign::Json(matches) if matches(&outline, content)))
}

fn by_root(content: &[u8]) -> Option<&'static Row> {
    let root = root_element(content.get(..HEAD_BYTES_MAX).unwrap_or(content))?;
    ROWS.iter().find(|row| matches!(row.sign, Sign::Xml(roots) if roots.contains(&root.as_str())))
}

fn by_entries(bytes: &[u8]) -> Option<&'static Row> {
    let mut found = None;
    // An archive that is damaged or over a limit before a report was seen in it is just a file.
    let _stopped = archive::for_each_xml(bytes, &GLANCE, &mut |_, content| {
        found = by_root(content.strip_prefix(BOM).unwrap_or(content).trim_ascii_start());
        if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found
}

/// The name of the root element of an XML document, whatever stands before it.
pub(super) fn root_element(head: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(head);
    let mut reader = Reader::from_str(&text);
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) | Event::Empty(element) => {
                return Some(element.local_name().as_ref().to_owned());
            }
            Event::Eof | Event::End(_) | Event::CData(_) | Event::GeneralRef(_) => return None,
            Event::Text(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
    }
}
