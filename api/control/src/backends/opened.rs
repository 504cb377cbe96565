//! Backends as places that are open: with their credentials, and no further than they may reach.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::id::{BackendId, OrganizationId};
use trust::Sealed;

use super::{CREDENTIALS, address};
use crate::blobs::{self, Blobs, BlobsConfig, Credentials, Opening};
use crate::{Control, Error, Result, store};

/// Most places that are kept open; each has its own connections.
const OPENED_MAX: usize = 256;

/// Places that are open already. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opened(Arc<Mutex<Places>>);

type Places = BTreeMap<BackendId, (Key, Arc<dyn Blobs>)>;

/// What a place was opened with: when it differs, the place has to be opened again.
#[derive(Debug, Clone, PartialEq)]
struct Key {
    settings: serde_json::Value,
    credentials: Option<Sealed>,
}

impl Key {
    fn of(row: &store::Backend) -> Self {
        Self { settings: row.settings.clone(), credentials: row.credentials.clone() }
    }
}

impl Opened {
    fn find(&self, row: &store::Backend) -> Option<Arc<dyn Blobs>> {
        let opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, blobs) = opened.get(&row.id)?;
        (*key == Key::of(row)).then(|| Arc::clone(blobs))
    }

    fn keep(&self, row: &store::Backend, blobs: &Arc<dyn Blobs>) {
        let mut opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.len() >= OPENED_MAX {
            opened.clear();
        }
        opened.insert(row.id, (Key::of(row), Arc::clone(blobs)));
    }
}

impl Control {
    /// The backend of that identifier, open; the store of the instance where there is none.
    pub(crate) async fn blobs_in(
        &self,
        org: OrganizationId,
        backend: Option<BackendId>,
    ) -> Result<Arc<dyn Blobs>> {
        let Some(id) = backend else { return Ok(Arc::clone(&self.blobs)) };
        let lost = || Error::internal(format!("a blob is in the backend {id}, which is not there"));
        let row = self.store.read().backend(org, id).await?.ok_or_else(lost)?;
        self.open_backend(&row).await
    }

    /// The backend, open.
    pub(crate) async fn open_backend(&self, row: &store::Backend) -> Result<Arc<dyn Blobs>> {
        if let Some(blobs) = self.opened.find(row) {
            return Ok(blobs);
        }
        let credentials = self.credentials_of(row)?;
        let blobs = self.open_with(row, credentials).await?;
        self.opened.keep(row, &blobs);
        Ok(blobs)
    }

    /// The backend, open, with credentials that may not be its own yet.
    pub(super) async fn open_with(
        &self,
        row: &store::Backend,
        credentials: Option<Credentials>,
    ) -> Result<Arc<dyn Blobs>> {
        let place = address(row)?;
        if !row.trusted && matches!(place, BlobsConfig::Directory(_)) {
            return Err(Error::forbidden(
                "only the operator of the instance may keep blobs in a directory of the server",
            ));
        }
        let opening = Opening {
            credentials,
            space: Some(row.id),
            guard: (!row.trusted).then(|| self.outbound.clone()),
            bytes_max: self.limits.blob_bytes_max,
        };
        Ok(blobs::open(place, opening).await?)
    }

    pub(super) fn seal_credentials(
        &self,
        org: OrganizationId,
        id: BackendId,
        credentials: &Credentials,
    ) -> Result<Sealed> {
        let text = credentials.to_text().ok_or_else(|| {
            Error::invalid("a backend is opened with credentials of its own, not with the server's")
        })?;
        self.secrets.seal(Some(org), &CREDENTIALS.purpose(), id.0, text.as_bytes())
    }

    fn credentials_of(&self, row: &store::Backend) -> Result<Option<Credentials>> {
        let Some(sealed) = &row.credentials else { return Ok(None) };
        let opened = self.secrets.open(Some(row.org), &CREDENTIALS.purpose(), row.id.0, sealed)?;
        let text = std::str::from_utf8(opened.expose()).map_err(Error::internal)?;
        Credentials::parse(text).map(Some).map_err(Error::internal)
    }
}
