//! Blobs, streamed both ways: memory use does not depend on their size.

use api_types::Blob;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::Digest;
use futures::StreamExt;

use crate::App;
use crate::connections::patient;
use crate::error::Failure;
use crate::extract::{Caller, Path};

pub(crate) async fn store(
    State(app): State<App>,
    Caller { control, actor }: Caller,
    Path(digest): Path<Digest>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Blob>), Failure> {
    let size =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let max = control.limits().blob_bytes_max;
    if size.is_some_and(|size| size > max) {
        return Err(Failure::new(
            "too-large",
            format!("the blob is larger than `blob_bytes_max`, {max} bytes"),
        ));
    }
    let stream = patient(body, app.patience).boxed();
    let size = control.put_blob(&actor, digest, size, stream).await?;
    Ok((StatusCode::CREATED, Json(Blob { digest, size })))
}

pub(crate) async fn fetch(
    Caller { control, actor }: Caller,
    Path(digest): Path<Digest>,
) -> Result<Response, Failure> {
    let blob = control.blob(&actor, digest).await?;
    Ok((head(digest, blob.size), Body::from_stream(blob.stream)).into_response())
}

pub(crate) async fn size(
    Caller { control, actor }: Caller,
    Path(digest): Path<Digest>,
) -> Result<Response, Failure> {
    Ok(head(digest, control.blob_size(&actor, digest).await?).into_response())
}

/// Evidence is anything that anyone sent: a browser must not guess what it is.
fn head(digest: Digest, size: u64) -> HeaderMap {
    let fixed: [(HeaderName, HeaderValue); 2] = [
        (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    let mut headers = HeaderMap::from_iter(fixed);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{digest}\"")) {
        headers.insert(ETAG, tag);
    }
    headers
}
