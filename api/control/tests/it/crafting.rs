//! What was crafted so far is kept sealed, written over by nobody who has not read it, and forgotten in the end.

use control::{CRAFTED_BYTES_MAX, Error};
use engine::Digest;
use sea_orm::{ConnectionTrait, Database};

use crate::plane::{Plane, organization, path, planes};

/// What the database holds for the runs.
async fn stored(plane: &Plane) -> Vec<String> {
    let db = Database::connect(&plane.database).await.unwrap();
    let rows = db.query_all_raw(sea_orm::Statement::from_string(
        db.get_database_backend(),
        "SELECT state_sealed FROM crafting",
    ));
    let rows = rows.await.unwrap();
    db.close().await.unwrap();
    rows.iter().map(|row| row.try_get("", "state_sealed").unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_write_over_the_same_one_does() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        let run = control.open_run(owner, &path()).await.unwrap();
        let put = async |state: &[u8], over| control.put_crafting(owner, run.id, state, over).await;
        let (opened, none) = control.crafting(owner, run.id).await.unwrap();
        assert_eq!((opened, none), (run.clone(), None));
        let refused = put(b"one", Some(Digest::of("zero"))).await.unwrap_err();
        assert!(matches!(refused, Error::Precondition(_)), "{refused:?}");
        let one = put(b"one", None).await.unwrap();
        let refused = put(b"two", None).await.unwrap_err();
        assert!(matches!(refused, Error::Precondition(_)), "{refused:?}");
        let (left, right) = tokio::join!(put(b"left", Some(one)), put(b"right", Some(one)));
        assert_ne!(left.is_ok(), right.is_ok(), "{left:?} {right:?}");
        let written = left.or(right).unwrap();
        let crafted = control.crafting(owner, run.id).await.unwrap().1.unwrap();
        assert_eq!((crafted.digest, Digest::of(&crafted.state)), (written, written));
        let large = vec![0; CRAFTED_BYTES_MAX + 1];
        let refused = put(&large, Some(written)).await.unwrap_err();
        assert!(matches!(refused, Error::TooLarge(_)), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_sealed_kept_from_others_and_forgotten_with_its_run() {
    for plane in planes().await {
        let Plane { control, owner, instance, .. } = &plane;
        let crafted = plane.craft(b"app", "good").await;
        let id = crafted.run.id;
        control.put_crafting(owner, id, b"/home/jane/sbom.json", None).await.unwrap();
        let stored_now = stored(&plane).await;
        assert_eq!(stored_now.len(), 1);
        assert!(!stored_now.concat().contains("jane"));

        let other = organization(control, instance, "other").await;
        for refused in [
            control.crafting(&other, id).await.map(drop).unwrap_err(),
            control.put_crafting(&other, id, b"x", None).await.map(drop).unwrap_err(),
        ] {
            assert!(matches!(refused, Error::NotFound(_)), "{refused:?}");
        }
        control.forget_crafting().await.unwrap();
        assert_eq!(stored(&plane).await.len(), 1, "its run is open");
        plane.push(&crafted).await.unwrap();
        let closed = control.crafting(owner, id).await.unwrap_err();
        assert!(matches!(closed, Error::Conflict(_)), "{closed:?}");
        let closed = control.put_crafting(owner, id, b"x", None).await.unwrap_err();
        assert!(matches!(closed, Error::Conflict(_)), "{closed:?}");
        control.forget_crafting().await.unwrap();
        assert!(stored(&plane).await.is_empty());
    }
}
