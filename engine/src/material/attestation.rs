//! An in-toto attestation of any predicate.

use super::json::Outline;
use super::{Kind, Reading, Row, Sign, provenance, statement};
use crate::Limits;

pub(super) const ROW: Row =
    Row { kind: Kind::Attestation, name: "attestation", sign: Sign::Json(recognise), read };

fn recognise(outline: &Outline, bytes: &[u8]) -> bool {
    statement::is_attestation(outline) && !provenance::recognise(outline, bytes)
}

/// The signature is *not* verified here, and the facts say so.
fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Reading<'a> {
    statement::read(bytes, limits).0
}
