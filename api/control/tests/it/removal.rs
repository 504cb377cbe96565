//! Blobs on their way from place to place and out of them: no row is ever without its bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use control::store::{BLOB_BEING_REMOVED, Blob, Removal, RemovalState, Role, Space, StoreError};
use control::{
    Actor, Error, MoveBlobs, MovedBlobs, NewBackend, REMOVAL_DAYS, REMOVAL_MINUTES, SweepBlobs,
};
use engine::id::BackendId;
use engine::{Digest, Name, Timestamp};
use futures::{StreamExt, TryStreamExt, stream};
use tokio_util::bytes::Bytes;
use uuid::Uuid;

use crate::plane::{Plane, organization, planes};
use crate::support::{NOW, Opened, blob, stores, tenant};

fn soon() -> Timestamp {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    Timestamp::from_millis(i64::try_from(now).unwrap() + (REMOVAL_MINUTES + 1) * 60_000)
}

fn later() -> Timestamp {
    soon().plus_days(REMOVAL_DAYS + 1)
}

impl Plane {
    /// A backend in a directory of its own.
    async fn disk(&self, name: &str, organization: &str) -> Name {
        let name: Name = name.parse().unwrap();
        let place = format!("file://{}", self.directory.path().join("disks").display());
        let new = NewBackend { name: name.clone(), place, credentials: None };
        let organization = organization.parse().unwrap();
        self.control.create_backend_for(&self.instance, &organization, new).await.unwrap();
        name
    }

    async fn default(&self, name: &Name, role: Option<Role>) {
        self.control.set_backend_role(&self.owner, name, role).await.unwrap();
    }

    async fn put(&self, text: &str) -> Result<Digest, Error> {
        self.put_as(&self.owner, text).await
    }

    async fn put_as(&self, actor: &Actor, text: &str) -> Result<Digest, Error> {
        let (digest, bytes) = (Digest::of(text), Bytes::from(text.to_owned()));
        let stream = stream::once(async move { Ok(bytes) }).boxed();
        self.control.put_blob(actor, digest, None, stream).await?;
        Ok(digest)
    }

    /// Whether a blob was stored: it may be on its way out. One that was can be read.
    async fn pushed(&self, text: &str) -> bool {
        match self.put(text).await {
            Err(Error::Unavailable { message, .. }) => {
                assert!(message.contains("is being removed"), "{message}");
                false
            }
            stored => {
                assert_eq!(self.get(stored.unwrap()).await, text.as_bytes());
                true
            }
        }
    }

    async fn get(&self, digest: Digest) -> Vec<u8> {
        let (_known, blob) = self.control.blob(&self.owner, digest).await.unwrap();
        let chunks: Vec<Bytes> = blob.stream.try_collect().await.unwrap();
        chunks.concat()
    }

    async fn moved(&self, from: Option<&Name>, to: Option<&Name>) -> MovedBlobs {
        let mut asked = MoveBlobs { from: from.cloned(), to: to.cloned(), ..Default::default() };
        loop {
            let moved = match self.control.move_blobs(&self.owner, &asked).await {
                Err(Error::Unavailable { message, .. }) => {
                    assert!(message.contains("is being removed"), "{message}");
                    continue;
                }
                moved => moved.unwrap(),
            };
            asked.after = moved.next;
            if asked.after.is_none() {
                return moved;
            }
        }
    }

    /// How many files a backend has.
    async fn files(&self, name: &Name) -> usize {
        let id = self.control.backend(&self.owner, name).await.unwrap().id;
        let hex = |entry: &std::path::Path| {
            entry.file_name().is_some_and(|name| name.len() == 64) && entry.is_file()
        };
        let mut folders = vec![self.directory.path().join("disks").join(id.to_string())];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap().path();
                count += usize::from(hex(&entry));
                folders.extend(entry.is_dir().then_some(entry));
            }
        }
        count
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_move_and_what_they_leave_behind_is_removed() {
    for plane in planes().await {
        let (one, two) = (plane.disk("one", "acme").await, plane.disk("two", "acme").await);
        let texts: Vec<_> = (0..450).map(|number| format!("moves {number}")).collect();
        for text in texts.iter().take(3) {
            plane.put(text).await.unwrap();
        }
        let from_server = MoveBlobs { to: Some(one.clone()), ..Default::default() };
        let refused = plane.control.move_blobs(&plane.owner, &from_server).await.unwrap_err();
        assert!(refused.to_string().contains("takes the new blobs"), "{refused}");
        plane.default(&one, Some(Role::Default)).await;
        assert_eq!(plane.moved(None, Some(&one)).await.left.blobs, 0);
        for text in &texts {
            plane.put(text).await.unwrap();
        }
        let refused = MoveBlobs { from: Some(one.clone()), ..Default::default() };
        let refused = plane.control.move_blobs(&plane.owner, &refused).await.unwrap_err();
        assert!(refused.to_string().contains("`one` is the default"), "{refused}");
        plane.default(&two, Some(Role::Default)).await;
        assert_eq!((plane.files(&one).await, plane.files(&two).await), (450, 0));

        let dry = MoveBlobs {
            from: Some(one.clone()),
            to: Some(two.clone()),
            dry_run: true,
            ..Default::default()
        };
        let dry = plane.control.move_blobs(&plane.owner, &dry).await.unwrap();
        assert_eq!((dry.left.blobs, dry.moved.blobs), (450, 0));
        let moved = plane.moved(Some(&one), Some(&two)).await;
        assert_eq!((moved.left.blobs, moved.unmoved.len()), (0, 0));
        assert_eq!((plane.files(&one).await, plane.files(&two).await), (450, 450));
        let shown = plane.control.backend(&plane.owner, &one).await.unwrap();
        assert_eq!((shown.blobs, shown.removing), (0, 450));
        let refused = plane.control.delete_backend(&plane.owner, &one, false).await.unwrap_err();
        assert!(refused.to_string().contains("the bytes of 450 blobs"), "{refused}");

        plane.control.remove_blobs(Timestamp::from_millis(0)).await.unwrap();
        assert_eq!(plane.files(&one).await, 450, "too early");
        plane.control.remove_blobs(soon()).await.unwrap();
        assert_eq!((plane.files(&one).await, plane.files(&two).await), (0, 450));
        for text in &texts {
            assert_eq!(plane.get(Digest::of(text)).await, text.as_bytes());
        }
        plane.control.delete_backend(&plane.owner, &one, false).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_damaged_stays_and_the_rest_moves() {
    let plane = planes().await.swap_remove(0);
    let (one, two) = (plane.disk("one", "acme").await, plane.disk("two", "acme").await);
    plane.default(&one, Some(Role::Default)).await;
    let mut digests = Vec::new();
    for text in ["sound", "damaged", "missing"] {
        digests.push(plane.put(text).await.unwrap());
    }
    plane.default(&two, Some(Role::Default)).await;
    let id = plane.control.backend(&plane.owner, &one).await.unwrap().id.to_string();
    let path = |digest: Digest| {
        let (root, hex) = (plane.directory.path().join("disks").join(&id), digest.to_hex());
        root.join(hex.get(..2).unwrap()).join(hex.get(2..4).unwrap()).join(&hex)
    };
    std::fs::write(path(digests[1]), "DAMAGED").unwrap();
    std::fs::remove_file(path(digests[2])).unwrap();
    let moved = plane.moved(Some(&one), Some(&two)).await;
    assert_eq!((moved.moved.blobs, moved.left.blobs), (1, 2));
    for (digest, reason) in [(digests[1], "is damaged"), (digests[2], "is not where it should be")]
    {
        let found = moved.unmoved.iter().find(|one| one.digest == digest).unwrap();
        assert!(found.reason.contains(reason), "{}", found.reason);
    }
    plane.control.remove_blobs(soon()).await.unwrap();
    assert_eq!(plane.get(digests[0]).await, b"sound");
    assert!(path(digests[1]).exists(), "what could not be moved must not be removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_another_organization_has_there_stay() {
    for plane in planes().await {
        let globex = organization(&plane.control, &plane.instance, "globex").await;
        let disk = plane.disk("disk", "acme").await;
        let text = format!("shared {}", Uuid::now_v7());
        let digest = plane.put(&text).await.unwrap();
        plane.put_as(&globex, &text).await.unwrap();
        plane.default(&disk, Some(Role::Default)).await;
        plane.moved(None, Some(&disk)).await;
        plane.control.remove_blobs(soon()).await.unwrap();
        let (_known, blob) = plane.control.blob(&globex, digest).await.unwrap();
        assert_eq!(blob.stream.try_collect::<Vec<_>>().await.unwrap().concat(), text.as_bytes());
        assert_eq!(plane.get(digest).await, text.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_comes_back_before_it_is_removed_stays_and_after_that_is_stored_anew() {
    for plane in planes().await {
        let (one, two) = (plane.disk("one", "acme").await, plane.disk("two", "acme").await);
        plane.default(&one, Some(Role::Default)).await;
        let digest = plane.put("returns").await.unwrap();
        for removed in [false, true, true] {
            plane.default(&two, Some(Role::Default)).await;
            plane.moved(Some(&one), Some(&two)).await;
            if removed {
                plane.control.remove_blobs(soon()).await.unwrap();
                assert_eq!(plane.files(&one).await, 0);
            }
            plane.default(&one, Some(Role::Default)).await;
            plane.moved(Some(&two), Some(&one)).await;
            plane.control.remove_blobs(soon()).await.unwrap();
            assert_eq!((plane.files(&one).await, plane.files(&two).await), (1, 0));
            assert_eq!(plane.get(digest).await, b"returns");
        }
        plane.control.remove_blobs(later()).await.unwrap();
        assert_eq!(plane.get(digest).await, b"returns");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_refers_to_is_swept_and_the_rest_stays() {
    let really = SweepBlobs::default();
    for plane in planes().await {
        let (control, owner) = (&plane.control, &plane.owner);
        let disk = plane.disk("disk", "acme").await;
        plane.default(&disk, Some(Role::Default)).await;
        let kept = plane.put("kept").await.unwrap();
        let id = control.backend(owner, &disk).await.unwrap().id.to_string();
        let root = plane.directory.path().join("disks").join(id);
        for text in ["stray", "another"] {
            stray(&root, text);
        }
        std::fs::write(root.join("not ours"), "").unwrap();
        let dry = SweepBlobs { dry_run: true, ..really };
        for _ in 0..2 {
            let swept = control.sweep_backend(owner, &disk, dry).await.unwrap();
            assert_eq!((swept.looked_at, swept.orphans.blobs, swept.orphans.bytes), (3, 2, 12));
        }
        let swept = control.sweep_backend(owner, &disk, really).await.unwrap();
        assert_eq!((swept.orphans.blobs, swept.next), (2, None));
        let again = control.sweep_backend(owner, &disk, really).await.unwrap();
        assert_eq!(again.orphans.blobs, 0, "their removal was asked for");
        // One is handed in after all.
        let stray = plane.put("stray").await.unwrap();
        control.remove_blobs(soon()).await.unwrap();
        assert_eq!(plane.files(&disk).await, 2);
        for (digest, text) in [(kept, "kept"), (stray, "stray")] {
            assert_eq!(plane.get(digest).await, text.as_bytes());
        }
        let stranger = organization(control, &plane.instance, "globex").await;
        let refused = control.sweep_backend(&stranger, &disk, dry).await;
        assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
        let refused = control.sweep_instance(owner, dry).await;
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    }
    let plane = planes().await.swap_remove(0);
    plane.put("kept").await.unwrap();
    stray(&plane.directory.path().join("blobs"), "stray");
    let swept = plane.control.sweep_instance(&plane.instance, really).await.unwrap();
    assert_eq!((swept.looked_at, swept.orphans.blobs), (2, 1));
    plane.control.remove_blobs(soon()).await.unwrap();
    let dry = plane.control.sweep_instance(&plane.instance, really).await.unwrap();
    assert_eq!((dry.looked_at, dry.orphans.blobs), (1, 0));
}

/// Bytes in a directory for blobs that nothing refers to.
fn stray(root: &std::path::Path, text: &str) {
    let hex = Digest::of(text).to_hex();
    let (outer, rest) = hex.split_at(2);
    let shard = root.join(outer).join(rest.split_at(2).0);
    std::fs::create_dir_all(&shard).unwrap();
    std::fs::write(shard.join(hex), text).unwrap();
}

fn removal(digest: Digest, space: Space, state: RemovalState) -> Removal {
    let due_at = NOW.plus_millis(1);
    Removal { id: Uuid::now_v7(), space, digest, state, created_at: NOW, due_at }
}

async fn ask(opened: &Opened, asked: Removal) {
    let write = opened.store.write(move |tx| Box::pin(async move { tx.ask_removal(&asked).await }));
    write.await.unwrap();
}

async fn claim(opened: &Opened, asked: Removal) -> bool {
    let until = NOW.plus_millis(2);
    let write = opened
        .store
        .write(move |tx| Box::pin(async move { tx.claim_removal(&asked, until).await }));
    write.await.unwrap()
}

async fn settle(opened: &Opened, claimed: Removal, failure: Option<&'static str>) {
    let until = NOW.plus_millis(3);
    let write = opened.store.write(move |tx| {
        Box::pin(async move { tx.settle_removal(&claimed, failure, until).await })
    });
    write.await.unwrap();
}

async fn reference(opened: &Opened, blob: Blob, known: Option<Uuid>) -> Result<bool, StoreError> {
    opened
        .store
        .write(move |tx| Box::pin(async move { tx.reference_blob(blob, known).await }))
        .await
}

/// Every state that a removal may be in when a row is to be written, whatever was known before.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_written_only_where_its_bytes_are_sure_to_be() {
    for opened in stores().await {
        let tenant = tenant(&opened.store, "acme").await;
        let asked = removal(Digest::of("x"), Space(None), RemovalState::Asked);
        let claimed = Removal { state: RemovalState::Claimed, due_at: NOW.plus_millis(2), ..asked };
        let x = blob(tenant.org, "x");
        let elsewhere = Blob { digest: Digest::of("y"), ..x };
        let refused = |result: Result<bool, StoreError>| match result {
            Err(StoreError::Conflict { what }) => assert_eq!(what, BLOB_BEING_REMOVED),
            other => panic!("{other:?}"),
        };
        ask(&opened, asked).await;
        assert!(claim(&opened, asked).await);
        assert!(!claim(&opened, asked).await, "it was claimed by somebody else");
        refused(reference(&opened, x, None).await);
        refused(reference(&opened, x, Some(Uuid::nil())).await);
        assert!(reference(&opened, elsewhere, None).await.unwrap());
        settle(&opened, claimed, Some("no")).await;
        let again = Removal { due_at: NOW.plus_millis(3), ..asked };
        assert!(claim(&opened, again).await, "what was not let go of is asked for again");
        let claimed = Removal { due_at: NOW.plus_millis(2), ..claimed };
        settle(&opened, claimed, None).await;
        // The bytes may have been found before they were removed.
        refused(reference(&opened, x, None).await);
        assert!(reference(&opened, x, Some(asked.id)).await.unwrap());
        // A row that is there keeps the bytes, and ends what is asked for.
        let more = removal(x.digest, Space(None), RemovalState::Asked);
        ask(&opened, more).await;
        assert!(!claim(&opened, more).await);
        assert_eq!(opened.store.read().removal(Space(None), x.digest).await.unwrap(), None);
        // Of another place nothing is said.
        let other = Space(Some(BackendId(Uuid::now_v7())));
        let other = removal(x.digest, other, RemovalState::Asked);
        ask(&opened, other).await;
        assert!(claim(&opened, other).await);
    }
}

/// Rows and removals at the same time, with no time between asking and removing: on SQLite, where transactions do not
/// overlap, not even that is needed.
#[tokio::test(flavor = "multi_thread")]
async fn while_blobs_come_and_go_none_is_lost() {
    let plane = Arc::new(planes().await.swap_remove(0));
    let (one, two) = (plane.disk("one", "acme").await, plane.disk("two", "acme").await);
    plane.default(&one, Some(Role::Default)).await;
    let (over, texts) = (Arc::new(AtomicBool::new(false)), ["a", "b", "c", "d"]);
    let pushing = (0..3).map(|_| {
        let (plane, over) = (Arc::clone(&plane), Arc::clone(&over));
        tokio::spawn(async move {
            let mut stored = 0;
            while !over.load(Ordering::Relaxed) {
                for text in texts {
                    stored += usize::from(plane.pushed(text).await);
                }
            }
            stored
        })
    });
    let pushing: Vec<_> = pushing.collect();
    let removing = tokio::spawn({
        let (plane, over) = (Arc::clone(&plane), Arc::clone(&over));
        let places = [one.clone(), two.clone()];
        async move {
            while !over.load(Ordering::Relaxed) {
                for place in &places {
                    let asked = SweepBlobs::default();
                    plane.control.sweep_backend(&plane.owner, place, asked).await.unwrap();
                }
                plane.control.remove_blobs(soon()).await.unwrap();
            }
        }
    });
    for turn in 0..60 {
        let (from, to) = if turn % 2 == 0 { (&one, &two) } else { (&two, &one) };
        plane.default(to, Some(Role::Default)).await;
        plane.moved(Some(from), Some(to)).await;
    }
    over.store(true, Ordering::Relaxed);
    removing.await.unwrap();
    for pushed in pushing {
        assert!(pushed.await.unwrap() > 0);
    }
    plane.control.remove_blobs(soon()).await.unwrap();
    for text in texts {
        let digest = plane.put(text).await.unwrap();
        assert_eq!(plane.get(digest).await, text.as_bytes());
    }
}
