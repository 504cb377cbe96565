//! `muster demo`: a pass, a fail, a lineage and two decisions, on real evidence, recomputed by a real server on the
//! loopback.

mod evidence;
mod story;

use std::time::Duration;

use api::Options;
use control::{Config, Embedded};
use indicatif::ProgressBar;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{Context, serve};
use crate::args::DemoArgs;
use crate::client::Client;
use crate::exit::{Exit, Failure, Result};
use crate::terminal::Tone;

pub(super) fn run(context: &Context, args: DemoArgs) -> Result {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::unexpected("cannot start", error))?;
    runtime.block_on(demo(context, args))
}

async fn demo(context: &Context, args: DemoArgs) -> Result {
    let unexpected = |error: std::io::Error| Failure::unexpected("the demo cannot start", error);
    let directory = tempfile::tempdir().map_err(unexpected)?;
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(unexpected)?;
    let server = format!("http://{}", listener.local_addr().map_err(unexpected)?);
    let place = Embedded::new(directory.path());
    let control = serve::open(Config::new(place.database(), place.blobs())).await?;
    let bootstrap = control
        .bootstrap()
        .await
        .map_err(|error| Failure::unexpected("the demo cannot start", error))?;
    let bootstrap = bootstrap
        .ok_or_else(|| Failure::unexpected("the demo cannot start", "the database is not new"))?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving =
        tokio::spawn(api::serve(listener, control.clone(), Options::default(), async move {
            let _dropped = stopped.await;
        }));
    let told = story::tell(context, &Client::new(&server, &bootstrap)?, &progress(context)).await;
    if let Ok(token) = &told {
        ending(context, &server, token, args.keep);
        if args.keep {
            context.terminal.say("the server runs until Ctrl-C");
            serve::stopped().await;
        }
    }
    let _gone = stop.send(());
    serving
        .await
        .map_err(|error| Failure::unexpected("the server stopped", error))?
        .map_err(unexpected)?;
    control
        .close()
        .await
        .map_err(|error| Failure::unexpected("the database could not be closed", error))?;
    told.map(|_token| Exit::Success)
}

fn progress(context: &Context) -> ProgressBar {
    let bar = context.terminal.progress("{spinner} {msg}");
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn ending(context: &Context, server: &str, token: &str, kept: bool) {
    let terminal = &context.terminal;
    let heading = |text: &str| terminal.paint(Tone::Strong, text);
    terminal.data(&format!(
        "\n{}\n  GraphiQL  {server}/graphiql\n  OpenAPI   {server}/openapi.json\n  token     {token}\n",
        heading(if kept { "The server" } else { "The server (gone with this program; --keep leaves it running)" })
    ));
    terminal.data(&format!(
        "\n{}\n  export MUSTER_SERVER={server} MUSTER_TOKEN={token}\n  muster gate allow {} --gate prod\n  muster lineage {} -o json\n  muster contract check testdata/tour/contract.yaml\n",
        heading("Try next"),
        evidence::GOOD.digest(),
        evidence::BAD.digest(),
    ));
}
