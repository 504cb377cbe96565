//! The connections of the server: each has its requests answered, and one that falls silent in the middle of one is given up.

use std::future::Future;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request};
use axum::serve::Listener;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tower_service::Service;

use crate::listening::{Listening, Peer};

/// Answers until `shutdown` is done, then lets requests that are under way finish.
pub(crate) async fn serve(
    mut listening: Listening,
    router: Router,
    patience: Duration,
    shutdown: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let (stream, from) = tokio::select! {
            accepted = listening.accept() => accepted,
            () = &mut shutdown => break,
        };
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(Peer(from)));
            router.clone().call(request.map(Body::new))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%from, %error, "a connection ended early");
            }
        });
    }
    drop(listening);
    graceful.shutdown().await;
}

/// What a client sends, which fails when nothing comes for so long.
pub(crate) fn patient(body: Body, patience: Duration) -> impl Stream<Item = io::Result<Bytes>> {
    let chunks = body.into_data_stream().map_err(io::Error::other).boxed();
    let silent = |_| io::Error::new(io::ErrorKind::TimedOut, "the client fell silent");
    stream::try_unfold(chunks, move |mut chunks| async move {
        let next = tokio::time::timeout(patience, chunks.try_next()).await;
        Ok(next.map_err(silent)??.map(|chunk| (chunk, chunks)))
    })
}
