//! `muster lineage`.

use engine::lineage::Closure;

use super::Context;
use crate::args::{LineageArgs, Way};
use crate::exit::{Exit, Result};
use crate::{artifact, printer};

pub(super) async fn run(context: &Context, args: LineageArgs) -> Result {
    let digest = artifact::digest(&args.artifact)?;
    let direction = match args.direction {
        Way::Up => "up",
        Way::Down => "down",
        Way::Both => "both",
    };
    let as_of = args.as_of.map_or_else(String::new, |seq| format!("&as_of={seq}"));
    let (hops, nodes) = (args.max_hops, args.max_nodes);
    let path = format!(
        "/v1/artifacts/{digest}/lineage?direction={direction}&max_hops={hops}&max_nodes={nodes}{as_of}"
    );
    let closure: Closure = context.client()?.get(&path).await?;
    context.answer(args.output, &closure, || printer::lineage(&closure, &context.terminal))?;
    Ok(Exit::Success)
}
