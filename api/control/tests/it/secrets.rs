//! Sealed secrets follow the keys of the installation.

use std::collections::BTreeSet;

use control::store::{AuditFilter, Backend, Page, SealedColumn, Store};
use control::{Actor, BlobsConfig, Config, Control, Error, KeyRing};
use engine::id::BackendId;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use trust::Binding;
use uuid::Uuid;

use crate::support::{NOW, Tenant, stores, tenant};

const PURPOSE: &str = "backend.credentials_sealed";

fn ring(keys: &[u8]) -> KeyRing {
    let keys = keys.iter().map(|byte| KeyRing::encode_key([*byte; 32]));
    KeyRing::parse(&keys.collect::<Vec<_>>().join("\n")).unwrap()
}

async fn open(url: &str, keys: Option<KeyRing>) -> Result<Control, Error> {
    let blobs = tempfile::tempdir().unwrap();
    let blobs = BlobsConfig::Directory(blobs.path().to_owned());
    Control::open(Config { keys, ..Config::new(url, blobs) }).await
}

async fn operator(control: &Control) -> Actor {
    let secret = control.bootstrap().await.unwrap().unwrap();
    control.authenticate(&secret).await.unwrap()
}

fn binding(backend: &Backend) -> Binding<'static> {
    Binding { organization: Some(backend.org), purpose: PURPOSE, row: backend.id.0 }
}

/// A backend of the tenant whose password is its name, sealed.
async fn insert(store: &Store, tenant: &Tenant, name: &str, keys: &KeyRing) -> Backend {
    let mut backend = Backend {
        id: BackendId(Uuid::now_v7()),
        org: tenant.org,
        name: name.parse().unwrap(),
        kind: "s3".to_owned(),
        settings: serde_json::json!({}),
        credentials: None,
        role: None,
        trusted: false,
        created_at: NOW,
        checked_at: None,
        failing_since: None,
        failure: None,
    };
    let nonce = backend.id.0.as_bytes()[4..].try_into().unwrap();
    backend.credentials = Some(keys.seal(binding(&backend), nonce, name.as_bytes()).unwrap());
    let row = backend.clone();
    store
        .write(move |tx| {
            let row = row.clone();
            Box::pin(async move { tx.insert_backend(&row).await })
        })
        .await
        .unwrap();
    backend
}

#[tokio::test(flavor = "multi_thread")]
async fn every_secret_is_sealed_anew_and_opens_as_before() {
    for opened in stores().await {
        let (url, store) = (&opened.url, &opened.store);
        let tenants = [tenant(store, "acme").await, tenant(store, "other").await];
        // More than one transaction takes.
        for (number, tenant) in tenants.iter().cycle().take(205).enumerate() {
            insert(store, tenant, &format!("b{number}"), &ring(&[1])).await;
        }
        let operator = operator(&open(url, Some(ring(&[1]))).await.unwrap()).await;
        let control = open(url, Some(ring(&[2, 1]))).await.unwrap();
        for resealed in [205, 0] {
            let done = control.rotate_secrets(&operator).await.unwrap();
            assert_eq!((done.key, done.resealed), (ring(&[2]).first(), resealed));
        }
        let mut seen = BTreeSet::new();
        for tenant in &tenants {
            for backend in store.read().backends(tenant.org).await.unwrap() {
                let sealed = backend.credentials.as_ref().unwrap();
                let secret = ring(&[2]).open(binding(&backend), sealed).unwrap();
                assert_eq!(secret.expose(), backend.name.as_str().as_bytes());
                assert!(seen.insert(sealed.as_str().to_owned()), "a nonce was used twice");
            }
        }
        let rotations =
            AuditFilter { action: Some("secrets.rotate".to_owned()), ..Default::default() };
        let rotations = store.read().audit_events(None, &rotations, Page::first(9)).await.unwrap();
        assert_eq!(rotations[1].event.after.as_ref().unwrap()["resealed"], 205);
        open(url, Some(ring(&[2]))).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_the_key_does_not_start() {
    for opened in stores().await {
        let tenant = tenant(&opened.store, "acme").await;
        open(&opened.url, None).await.unwrap();
        insert(&opened.store, &tenant, "store", &ring(&[1])).await;
        for keys in [None, Some(ring(&[2]))] {
            let refused = open(&opened.url, keys).await.unwrap_err().to_string();
            assert!(refused.contains(&ring(&[1]).first().to_string()), "{refused}");
            assert!(refused.contains("--secrets-key-file"), "{refused}");
        }
        open(&opened.url, Some(ring(&[2, 1]))).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_moved_to_another_row_is_not_sealed_anew() {
    for opened in stores().await {
        let (url, store) = (&opened.url, &opened.store);
        let tenant = tenant(store, "acme").await;
        let control = open(url, Some(ring(&[2, 1]))).await.unwrap();
        let operator = operator(&control).await;
        let honest = insert(store, &tenant, "honest", &ring(&[1])).await;
        let mut copy = honest.clone();
        copy.id = BackendId(Uuid::now_v7());
        copy.name = "copy".parse().unwrap();
        let row = copy.clone();
        store
            .write(move |tx| {
                let row = row.clone();
                Box::pin(async move { tx.insert_backend(&row).await })
            })
            .await
            .unwrap();
        let refused = control.rotate_secrets(&operator).await.unwrap_err();
        assert_eq!(refused.code(), "unavailable");
        // All or nothing: the honest one in the same transaction is as it was, and still opens.
        let left = store.read().backend_by_name(tenant.org, &honest.name).await.unwrap().unwrap();
        assert_eq!(left, honest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_nothing_is_rotated() {
    let opened = crate::support::sqlite().await;
    let control = open(&opened.url, None).await.unwrap();
    let operator = operator(&control).await;
    let refused = control.rotate_secrets(&operator).await.unwrap_err();
    assert!(refused.to_string().contains("--secrets-key-file"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sealed_column_is_listed() {
    const SQLITE: &str = "SELECT m.name AS t, c.name AS c FROM sqlite_master m \
        JOIN pragma_table_info(m.name) c WHERE m.type = 'table'";
    const POSTGRES: &str = "SELECT table_name::text AS t, column_name::text AS c \
        FROM information_schema.columns WHERE table_schema = 'public'";
    for opened in stores().await {
        let db = Database::connect(&opened.url).await.unwrap();
        let backend = db.get_database_backend();
        let sql = if backend == DbBackend::Postgres { POSTGRES } else { SQLITE };
        let rows = db.query_all_raw(Statement::from_string(backend, sql)).await.unwrap();
        let text = |row: &sea_orm::QueryResult, column| row.try_get::<String>("", column).unwrap();
        let columns = rows.iter().map(|row| (text(row, "t"), text(row, "c")));
        let sealed: BTreeSet<String> = columns
            .filter(|(_, column)| column.ends_with("_sealed"))
            .map(|(table, column)| format!("{table}.{column}"))
            .collect();
        let listed: BTreeSet<String> =
            SealedColumn::ALL.iter().map(|column| column.purpose()).collect();
        assert_eq!(sealed, listed);
    }
}
