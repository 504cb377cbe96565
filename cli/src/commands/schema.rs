//! `muster schema`: the published JSON Schemas.

use engine::schema;

use super::Context;
use crate::args::{SchemaArgs, SchemaKind};
use crate::exit::Exit;

pub(super) fn run(context: &Context, args: &SchemaArgs) -> Exit {
    context.terminal.data(match args.kind {
        SchemaKind::Contract => schema::CONTRACT,
        SchemaKind::Policy => schema::POLICY,
        SchemaKind::Gate => schema::GATE,
        SchemaKind::Waiver => schema::WAIVER,
        SchemaKind::Workflow => schema::WORKFLOW,
        SchemaKind::TrustRoot => schema::TRUST_ROOT,
        SchemaKind::TrustRule => schema::TRUST_RULE,
    });
    Exit::Success
}
