//! Where the browser comes back to: a free port of the loopback, once.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::exit::{Exit, Failure, Result};
use crate::terminal::plain;

/// A port that listens.
pub(super) struct Callback {
    listener: TcpListener,
    port: u16,
}

/// What the provider has the browser say ([RFC 6749](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2)).
#[derive(Debug, Deserialize)]
struct Said {
    #[serde(default)]
    state: String,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl Callback {
    pub(super) async fn listen() -> Result<Self> {
        let failed =
            |error: std::io::Error| Failure::unexpected("cannot listen on the loopback", error);
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        Ok(Self { listener, port })
    }

    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/callback", self.port)
    }

    /// The code that the provider gave to this login; what another login says is not listened to.
    pub(super) async fn code(self, state: &str) -> Result<String> {
        let (sender, mut said) = mpsc::channel(1);
        let listening = Arc::new((state.to_owned(), sender));
        let router = Router::new().route("/callback", get(answer)).with_state(listening);
        let serving = tokio::spawn(axum::serve(self.listener, router).into_future());
        let said = said.recv().await;
        // Long enough for the browser to be answered.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        serving.abort();
        let said = said.ok_or_else(|| Failure::new(Exit::TryAgain, "nobody logged in"))?;
        match (said.code, said.error) {
            (Some(code), None) => Ok(code),
            (_, error) => {
                let error = plain(&error.unwrap_or_default());
                let more = plain(&said.error_description.unwrap_or_default());
                Err(Failure::new(
                    Exit::Forbidden,
                    format!("the login provider refused: {error} {more}"),
                ))
            }
        }
    }
}

type Listening = Arc<(String, mpsc::Sender<Said>)>;

async fn answer(
    State(listening): State<Listening>,
    Query(said): Query<Said>,
) -> (StatusCode, Html<&'static str>) {
    let (state, sender) = &*listening;
    if said.state != *state {
        return (StatusCode::BAD_REQUEST, Html("This is not the login that waits here."));
    }
    let good = said.error.is_none();
    // Whoever waits takes the first.
    let _first = sender.try_send(said);
    let text = if good {
        "You may close this page: the terminal goes on."
    } else {
        "The login failed: the terminal says why."
    };
    (StatusCode::OK, Html(text))
}
