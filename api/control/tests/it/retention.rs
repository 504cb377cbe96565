//! How long evidence is kept: what is used or released stays, and nothing goes that somebody counts on.

use control::store::{Blob, Retention, RetentionRule, Store, StoreError};
use control::{AuditFilter, EXPIRY_HOURS, Error, KEEP_DAYS_MAX, REMOVAL_MINUTES};
use engine::id::OrganizationId;
use engine::{Digest, Timestamp};

use crate::plane::{Plane, path, planes, sbom, store};
use crate::support::{
    NOW, Tenant, attest, blob, insert_receipt, insert_run, receipt, run, stores, tenant,
};

const HOUR: i64 = 3_600_000;
const RULE: RetentionRule = RetentionRule { keep_days: 30, keep_released: true };

fn now() -> Timestamp {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    Timestamp::from_millis(i64::try_from(now).unwrap())
}

impl Plane {
    async fn keep(&self, text: &str) -> Digest {
        let digest = Digest::of(text);
        store(&self.control, &self.owner, digest, text.as_bytes()).await.unwrap();
        digest
    }

    /// Whether the blob is to be removed; none when it is gone.
    async fn expires(&self, digest: Digest) -> Option<bool> {
        match self.control.blob(&self.owner, digest).await {
            Ok((known, _stream)) => Some(known.expires_at.is_some()),
            Err(Error::NotFound(_)) => None,
            Err(error) => panic!("{error}"),
        }
    }

    async fn actions(&self, action: &str) -> usize {
        let filter = AuditFilter { action: Some(action.to_owned()), ..Default::default() };
        self.control.audit_events(&self.owner, &filter, None, 100).await.unwrap().items.len()
    }

    /// Attests an application of a version, which may be released.
    async fn attested(&self, app: &str, version: &str, release: bool) -> [Digest; 3] {
        let run = self.control.open_run_of(&self.owner, &path(), Some(version.to_owned())).await;
        let crafted = self.craft_for(run.unwrap(), app.as_bytes(), app).await;
        let bundle = self.push(&crafted).await.unwrap().attestation.digest;
        if release {
            let web = "web".parse().unwrap();
            self.control.release_version(&self.owner, &web, version).await.unwrap();
        }
        [Digest::of(app), Digest::of(sbom(app)), bundle]
    }
}

#[tokio::test]
async fn evidence_goes_a_day_after_its_time_and_what_was_released_stays() {
    for plane in planes().await {
        let control = &plane.control;
        let begun = now();
        let loose = plane.keep("retention: loose").await;
        let [app, bill, bundle] = plane.attested("retention-app", "1.0.0", false).await;
        let [released, released_bill, _] =
            plane.attested("retention-released", "2.0.0", true).await;
        control.apply_retention(begun.plus_days(400)).await.unwrap();
        assert_eq!(plane.expires(loose).await, Some(false), "without a rule everything is kept");

        let set = control.set_retention(&plane.owner, RULE).await.unwrap();
        assert_eq!((set.rule, set.swept_at, set.expiring.blobs), (Some(RULE), None, 0));
        control.apply_retention(begun.plus_days(30)).await.unwrap();
        assert_eq!(control.retention(&plane.owner).await.unwrap().expiring.blobs, 0);
        let day = now().plus_days(31);
        control.apply_retention(day).await.unwrap();
        let shown = control.retention(&plane.owner).await.unwrap();
        assert_eq!((shown.expiring.blobs, shown.swept_at), (3, Some(day)));
        for (digest, expires) in
            [(loose, true), (app, true), (bill, true), (bundle, false), (released, false)]
        {
            assert_eq!(plane.expires(digest).await, Some(expires), "{digest}");
        }
        control.apply_retention(day.plus_millis(EXPIRY_HOURS * HOUR - 1)).await.unwrap();
        assert_eq!(plane.expires(app).await, Some(true), "a day has to pass");
        // Whoever hands it in again counts on it.
        plane.keep("retention: loose").await;
        control.apply_retention(day.plus_millis(EXPIRY_HOURS * HOUR)).await.unwrap();
        for (digest, expires) in [
            (loose, Some(false)),
            (app, None),
            (bill, None),
            (bundle, Some(false)),
            (released_bill, Some(false)),
        ] {
            assert_eq!(plane.expires(digest).await, expires, "{digest}");
        }
        let gone = control.blob(&plane.owner, app).await.unwrap_err().to_string();
        assert!(gone.contains("removed under the retention rule"), "{gone}");
        assert_eq!(plane.actions("retention.remove").await, 1);
        assert_eq!(control.bundle(&plane.owner, bundle).await.map(Digest::of).unwrap(), bundle);
        control.remove_blobs(now().plus_millis((REMOVAL_MINUTES + 1) * 60_000)).await.unwrap();
        // The bytes are gone as well: they can be handed in again.
        plane.keep("retention-app").await;
        assert_eq!(plane.expires(app).await, Some(false));
    }
}

#[tokio::test]
async fn a_rule_is_changed_and_taken_away_by_those_who_may_and_what_was_to_go_stays() {
    for plane in planes().await {
        let control = &plane.control;
        let loose = plane.keep("retention: taken away").await;
        for keep_days in [0, KEEP_DAYS_MAX + 1] {
            let wrong = RetentionRule { keep_days, ..RULE };
            let refused = control.set_retention(&plane.owner, wrong).await.unwrap_err();
            assert!(refused.to_string().contains("1 to 36500 days"), "{refused}");
        }
        control.set_retention(&plane.owner, RULE).await.unwrap();
        let day = now().plus_days(31);
        control.apply_retention(day).await.unwrap();
        assert_eq!(plane.expires(loose).await, Some(true));
        control.set_retention(&plane.owner, RULE).await.unwrap();
        assert_eq!(plane.expires(loose).await, Some(true), "the same rule again changes nothing");
        control.set_retention(&plane.owner, RetentionRule { keep_days: 31, ..RULE }).await.unwrap();
        assert_eq!(plane.expires(loose).await, Some(false), "another rule begins anew");
        control.apply_retention(day.plus_days(1)).await.unwrap();
        assert_eq!(plane.expires(loose).await, Some(true));
        control.delete_retention(&plane.owner).await.unwrap();
        control.delete_retention(&plane.owner).await.unwrap();
        control.apply_retention(day.plus_days(400)).await.unwrap();
        assert_eq!(plane.expires(loose).await, Some(false));
        assert_eq!(
            (plane.actions("retention.set").await, plane.actions("retention.delete").await),
            (2, 1)
        );
    }
}

#[tokio::test]
async fn what_is_about_to_go_is_no_evidence_until_it_is_handed_in_again() {
    for plane in planes().await {
        let crafted = plane.craft(b"retention: about to go", "about-to-go").await;
        let org = organization(&plane);
        let app = Digest::of("retention: about to go");
        let at = Store::open(&plane.database).await.unwrap();
        for (minutes, refused) in [(50, true), (70, false)] {
            let until = now().plus_millis(minutes * 60_000);
            expire(&at, org, app, None).await;
            expire(&at, org, app, Some(until)).await;
            match plane.push(&crafted).await {
                Err(Error::Refused { code: "evidence", message }) if refused => {
                    assert!(message.contains("hand it in again"), "{message}");
                }
                other => assert!(other.is_ok() && !refused, "{minutes}: {other:?}"),
            }
        }
        let crafted = plane.craft(b"retention: about to go", "about-to-go").await;
        assert_eq!(plane.expires(app).await, Some(false), "handed in again");
        plane.push(&crafted).await.unwrap();
    }
}

#[tokio::test]
async fn a_preview_says_what_would_go_and_changes_nothing() {
    for plane in planes().await {
        for number in 0..3 {
            plane.keep(&format!("retention: preview {number}")).await;
        }
        let preview = plane.control.preview_retention(&plane.owner, RULE, None).await.unwrap();
        assert_eq!((preview.removable.blobs, preview.next), (0, None));
        let stranger = crate::plane::organization(&plane.control, &plane.instance, "globex").await;
        assert_eq!(plane.control.retention(&stranger).await.unwrap().rule, None);
        let store = Store::open(&plane.database).await.unwrap();
        let read = store.read();
        let at = now().plus_days(31);
        let mut after = None;
        let mut found = Vec::new();
        loop {
            let page = read.examine_blobs(organization(&plane), RULE, at, after, 2).await.unwrap();
            after = page.last().map(|last| last.digest);
            found.extend(page.iter().map(|one| one.removable));
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, [true; 3], "page by page");
    }
}

/// What of an old, unused blob is different, and whether it may be removed then at `NOW` and 31 days.
#[tokio::test]
async fn only_what_is_old_and_used_by_nobody_may_be_removed() {
    for opened in stores().await {
        let acme = tenant(&opened.store, "acme").await;
        let globex = tenant(&opened.store, "globex").await;
        for name in ["unused", "used", "used by another", "bundle"] {
            note(&opened.store, blob(acme.org, name)).await;
        }
        note(&opened.store, blob(globex.org, "used by another")).await;
        note(&opened.store, Blob { created_at: NOW.plus_days(2), ..blob(acme.org, "young") }).await;
        late(&opened.store, &acme, "bundle", "used").await;
        late(&opened.store, &globex, "bundle of another", "used by another").await;
        attest(&opened.store, &acme, "old bundle", &["used long ago"], &[]).await;
        note(&opened.store, blob(acme.org, "used long ago")).await;
        let at = NOW.plus_days(31);
        let examined =
            opened.store.read().examine_blobs(acme.org, RULE, at, None, 100).await.unwrap();
        for (name, removable) in [
            ("unused", true),
            ("used", false),
            ("used by another", true),
            ("used long ago", true),
            ("young", false),
            ("bundle", false),
            ("old bundle", false),
        ] {
            let one = examined.iter().find(|one| one.digest == Digest::of(name));
            assert_eq!(one.map(|one| one.removable), Some(removable), "{name}");
        }
    }
}

#[tokio::test]
async fn a_row_is_not_removed_that_was_used_or_handed_in_since_it_was_read() {
    for opened in stores().await {
        let (store, at) = (&opened.store, NOW.plus_days(31));
        let acme = tenant(store, "acme").await;
        for name in ["used", "renewed", "kept", "gone"] {
            note(store, blob(acme.org, name)).await;
            expire(store, acme.org, Digest::of(name), Some(at)).await;
        }
        let read = store.read().expired_blobs(acme.org, at, 100).await.unwrap();
        assert_eq!(read.len(), 4);
        assert!(store.read().expired_blobs(acme.org, NOW, 100).await.unwrap().is_empty());
        late(store, &acme, "bundle", "used").await;
        note(store, blob(acme.org, "renewed")).await;
        expire(store, acme.org, Digest::of("kept"), None).await;
        for blob in read {
            let deleted = store.write(move |tx| {
                Box::pin(async move { tx.delete_expired_blob(&blob, RULE, at).await })
            });
            assert_eq!(deleted.await.unwrap(), blob.digest == Digest::of("gone"));
        }
    }
}

#[tokio::test]
async fn of_two_who_go_on_with_a_pass_one_does() {
    for opened in stores().await {
        let acme = tenant(&opened.store, "acme").await;
        let set = Retention {
            org: acme.org,
            rule: RULE,
            created_at: NOW,
            position: None,
            swept_at: None,
        };
        let write = |known: Retention, position: Option<Digest>| {
            opened.store.write(move |tx| {
                Box::pin(async move { tx.advance_retention(&known, position, None).await })
            })
        };
        assert!(!write(set, None).await.unwrap(), "there is no rule");
        let made =
            opened.store.write(move |tx| Box::pin(async move { tx.set_retention(&set).await }));
        made.await.unwrap();
        assert_eq!(opened.store.read().retentions().await.unwrap(), [set]);
        let here = Some(Digest::of("here"));
        assert!(write(set, here).await.unwrap());
        assert!(!write(set, here).await.unwrap(), "somebody else is further");
        let changed = Retention { created_at: NOW.plus_days(1), position: here, ..set };
        assert!(!write(changed, None).await.unwrap(), "the rule was changed");
    }
}

fn organization(plane: &Plane) -> OrganizationId {
    plane.owner.organization.clone().unwrap().0
}

/// An attestation a day later than the tenants' others.
async fn late(store: &Store, tenant: &Tenant, name: &str, material: &str) {
    let run = run(tenant);
    insert_run(store, &run).await;
    let mut receipt = receipt(&run, name, &[material], &[]);
    receipt.attestation.created_at = NOW.plus_days(2);
    insert_receipt(store, &receipt).await.unwrap();
}

async fn note(store: &Store, blob: Blob) {
    let noted = store.write(move |tx| Box::pin(async move { tx.reference_blob(blob, None).await }));
    noted.await.unwrap();
}

/// Says that a blob expires, or that it does not.
async fn expire(store: &Store, org: OrganizationId, digest: Digest, at: Option<Timestamp>) {
    let known = store.read().blob(org, digest).await.unwrap().unwrap();
    let done = store.write(move |tx| {
        Box::pin(async move {
            match at {
                Some(at) => tx.expire_blobs(org, &[digest], at).await?,
                None => tx.keep_blob(&known).await?,
            }
            Ok::<_, StoreError>(())
        })
    });
    done.await.unwrap();
}
