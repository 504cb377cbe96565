//! Any file, kept as it is.

use super::{Kind, Problem, Reading, Row, Sign};
use crate::Limits;

pub(super) const ROW: Row = Row { kind: Kind::Artifact, name: "artifact", sign: Sign::Never, read };

/// An artifact is opaque: policies see its facts, not its bytes.
fn read<'a>(bytes: &'a [u8], _: &Limits) -> Reading<'a> {
    if bytes.is_empty() {
        return Reading::unreadable(Problem::whole("it is empty"));
    }
    Reading::default()
}
