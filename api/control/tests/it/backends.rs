//! Backends below the use cases: what holds whichever way a blob came, on both databases.

use std::time::{Duration, Instant};

use control::store::{AuditFilter, Backend, Blob, Page, Role, Store};
use control::{
    Actor, BACKENDS_MAX, BlobsConfig, Config, Control, Credentials, Error, KeyRing, NewBackend,
};
use engine::id::BackendId;
use engine::{Digest, Name, Timestamp};
use uuid::Uuid;

use crate::support::{NOW, Tenant, blob, stores, tenant};

/// A backend of the tenant in a directory, as the operator would make it.
fn backend(tenant: &Tenant, name: &str, directory: &std::path::Path) -> Backend {
    Backend {
        id: BackendId(Uuid::now_v7()),
        org: tenant.org,
        name: name.parse().unwrap(),
        kind: "directory".to_owned(),
        settings: serde_json::json!({ "address": format!("file://{}", directory.display()) }),
        credentials: None,
        role: None,
        trusted: true,
        created_at: NOW,
        checked_at: None,
        failing_since: None,
        failure: None,
    }
}

async fn insert(store: &Store, backend: &Backend) {
    let row = backend.clone();
    store
        .write(move |tx| {
            let row = row.clone();
            Box::pin(async move { tx.insert_backend(&row).await })
        })
        .await
        .unwrap();
}

async fn reference(store: &Store, blob: Blob) -> Result<bool, control::store::StoreError> {
    store.write(move |tx| Box::pin(async move { tx.reference_blob(blob, None).await })).await
}

async fn open(url: &str, folder: &std::path::Path, keys: Option<KeyRing>) -> Control {
    let blobs = BlobsConfig::Directory(folder.join("instance"));
    Control::open(Config { keys, ..Config::new(url, blobs) }).await.unwrap()
}

/// Waits until the backend was found to fail, or not to.
async fn found(store: &Store, tenant: &Tenant, name: &Name, failing: bool) -> Backend {
    let begun = Instant::now();
    loop {
        let row = store.read().backend_by_name(tenant.org, name).await.unwrap().unwrap();
        if row.failing_since.is_some() == failing {
            return row;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "nobody looks at it");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_backend_is_looked_at_and_what_changes_is_told() {
    for opened in stores().await {
        let (store, folder) = (&opened.store, tempfile::tempdir().unwrap());
        let tenant = tenant(store, "acme").await;
        // A file stands where a directory should be made.
        let place = folder.path().join("place");
        std::fs::write(&place, "").unwrap();
        let made = backend(&tenant, "disk", &place);
        insert(store, &made).await;
        let control = open(&opened.url, folder.path(), None).await;
        let tending = tokio::spawn({
            let control = control.clone();
            async move { control.tend().await }
        });
        let failing = found(store, &tenant, &made.name, true).await;
        tending.abort();
        assert!(failing.failure.unwrap().contains("open the directory"));
        assert_eq!(failing.failing_since, failing.checked_at);

        std::fs::remove_file(&place).unwrap();
        let long_ago = Backend {
            checked_at: Some(NOW),
            failing_since: Some(NOW),
            failure: Some("gone".to_owned()),
            ..made.clone()
        };
        store
            .write(move |tx| {
                let row = long_ago.clone();
                Box::pin(async move { tx.set_backend_health(&row).await })
            })
            .await
            .unwrap();
        let tending = tokio::spawn(async move { control.tend().await });
        found(store, &tenant, &made.name, false).await;
        tending.abort();
        let filter = AuditFilter { action: Some("backend.*".to_owned()), ..Default::default() };
        let told = store.read().audit_events(Some(tenant.org), &filter, Page::first(9)).await;
        let told: Vec<_> = told.unwrap().into_iter().map(|entry| entry.event).collect();
        let actions: Vec<_> = told.iter().map(|event| event.action.as_str()).collect();
        assert_eq!(actions, ["backend.recover", "backend.fail"]);
        assert!(told.iter().all(|event| event.actor == "server" && event.target == "disk"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_replicas_that_come_at_once_one_looks() {
    for opened in stores().await {
        let (store, folder) = (&opened.store, tempfile::tempdir().unwrap());
        let tenant = tenant(store, "acme").await;
        let made = backend(&tenant, "disk", folder.path());
        insert(store, &made).await;
        let claim = async || {
            let row = made.clone();
            let at = Timestamp::from_millis(NOW.as_millis() + 1);
            store
                .write(move |tx| {
                    let row = row.clone();
                    Box::pin(async move { tx.claim_backend_check(&row, at).await })
                })
                .await
                .unwrap_or(false)
        };
        let claims = futures::future::join_all((0..4).map(|_| claim())).await;
        assert_eq!(claims.into_iter().filter(|claimed| *claimed).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_is_not_noted_in_a_backend_that_is_gone_nor_a_backend_deleted_under_a_blob() {
    for opened in stores().await {
        let (store, folder) = (&opened.store, tempfile::tempdir().unwrap());
        let tenant = tenant(store, "acme").await;
        let made = backend(&tenant, "disk", folder.path());
        let within = |name| Blob { backend: Some(made.id), ..blob(tenant.org, name) };
        assert!(reference(store, within("early")).await.is_err());
        insert(store, &made).await;
        assert!(reference(store, within("one")).await.unwrap());
        let delete = async || {
            let row = made.clone();
            store
                .write(move |tx| {
                    let row = row.clone();
                    Box::pin(async move { tx.delete_backend(&row).await })
                })
                .await
        };
        assert!(delete().await.is_err());
        let moved = store
            .write({
                let blob = within("one");
                move |tx| Box::pin(async move { tx.relocate_blob(&blob, None, None).await })
            })
            .await;
        assert!(moved.unwrap());
        delete().await.unwrap();
        assert!(reference(store, within("late")).await.is_err());
        let found = store.read().blob(tenant.org, Digest::of("one")).await.unwrap().unwrap();
        assert_eq!(found.backend, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_backend_has_a_role_and_it_passes_to_the_next() {
    for opened in stores().await {
        let (store, folder) = (&opened.store, tempfile::tempdir().unwrap());
        let tenant = tenant(store, "acme").await;
        for (name, role) in [
            ("a", Some(Role::Default)),
            ("b", Some(Role::Default)),
            ("a", Some(Role::Fallback)),
            ("b", Some(Role::Fallback)),
            ("b", None),
            ("a", Some(Role::Default)),
        ] {
            let known = store.read().backend_by_name(tenant.org, &name.parse().unwrap()).await;
            let row = if let Some(known) = known.unwrap() {
                known
            } else {
                let made = backend(&tenant, name, folder.path());
                insert(store, &made).await;
                made
            };
            store
                .write(move |tx| {
                    let row = row.clone();
                    Box::pin(async move { tx.set_backend_role(&row, role).await })
                })
                .await
                .unwrap();
            let all = store.read().backends(tenant.org).await.unwrap();
            let with = all.iter().filter(|row| row.role.is_some() && row.role == role);
            assert!(with.map(|row| row.name.as_str()).eq(role.map(|_| name)), "{name} {role:?}");
        }
    }
}

async fn owner(control: &Control) -> (Actor, Actor) {
    let secret = control.bootstrap().await.unwrap().unwrap();
    let operator = control.authenticate(&secret).await.unwrap();
    let made = control.create_organization(&operator, "acme".parse().unwrap(), None).await.unwrap();
    (control.authenticate(&made.1.secret).await.unwrap(), operator)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_no_credentials_are_kept_and_there_is_an_end_of_backends() {
    for opened in stores().await {
        let folder = tempfile::tempdir().unwrap();
        let control = open(&opened.url, folder.path(), None).await;
        let (owner, operator) = owner(&control).await;
        let credentials =
            Credentials::parse(r#"{"access_key_id":"i","secret_access_key":"hunter2"}"#).unwrap();
        let new = NewBackend {
            name: "bucket".parse().unwrap(),
            place: "s3://evidence".to_owned(),
            credentials: Some(credentials),
        };
        let refused = control.create_backend(&owner, new).await.unwrap_err().to_string();
        assert!(refused.contains("--secrets-key-file"), "{refused}");
        let acme: Name = "acme".parse().unwrap();
        for number in 0..=BACKENDS_MAX {
            let new = NewBackend {
                name: format!("b{number}").parse().unwrap(),
                place: format!("file://{}", folder.path().join("places").display()),
                credentials: None,
            };
            let made = control.create_backend_for(&operator, &acme, new).await;
            match made {
                Ok(_) => assert!(number < BACKENDS_MAX),
                Err(Error::Invalid { message, .. }) => {
                    assert!(number == BACKENDS_MAX && message.contains("32 backends"), "{message}");
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}
