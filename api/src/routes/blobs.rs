//! Blobs, streamed both ways: memory use does not depend on their size.

use api_types::Blob;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use control::store;
use engine::Digest;
use futures::StreamExt;

use crate::App;
use crate::connections::patient;
use crate::error::Failure;
use crate::extract::{Caller, Path};

const SUNSET: HeaderName = HeaderName::from_static("sunset");
/// As [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7) writes times.
const HTTP_DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

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
    let (known, blob) = control.blob(&actor, digest).await?;
    Ok((head(&known), Body::from_stream(blob.stream)).into_response())
}

pub(crate) async fn size(
    Caller { control, actor }: Caller,
    Path(digest): Path<Digest>,
) -> Result<Response, Failure> {
    Ok(head(&control.blob_known(&actor, digest).await?).into_response())
}

/// Evidence is anything that anyone sent: a browser must not guess what it is. One that is to be removed says when,
/// [RFC 8594](https://www.rfc-editor.org/rfc/rfc8594): whoever needs it longer hands it in again.
fn head(blob: &store::Blob) -> HeaderMap {
    let fixed: [(HeaderName, HeaderValue); 2] = [
        (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    let mut headers = HeaderMap::from_iter(fixed);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(blob.size));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", blob.digest)) {
        headers.insert(ETAG, tag);
    }
    let sunset = blob.expires_at.map(|end| end.to_datetime().format(HTTP_DATE).to_string());
    if let Some(Ok(sunset)) = sunset.map(HeaderValue::try_from) {
        headers.insert(SUNSET, sunset);
    }
    headers
}
