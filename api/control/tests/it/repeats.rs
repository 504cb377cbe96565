//! Requests that are not to be done twice, whatever became of the first.

use control::store::KeptAnswer;
use control::{Begun, REPEAT_HOURS};
use engine::{Digest, Timestamp};

use crate::plane::{organization, planes};

fn in_hours(hours: i64) -> Timestamp {
    let now = Timestamp::from_datetime(chrono::Utc::now());
    now.plus_millis(hours * 3_600_000)
}

#[tokio::test]
async fn a_request_is_begun_once_and_is_forgotten_after_a_day() {
    for plane in planes().await {
        let (control, owner) = (&plane.control, &plane.owner);
        let (asked, other) = (Digest::of("asked"), Digest::of("other"));
        assert_eq!(control.begin_repeat(owner, "k", asked).await.unwrap(), Begun::New);
        // Its server was killed, or is still at it: another replica cannot know.
        let replica = plane.replica().await;
        for control in [control, &replica] {
            let again = control.begin_repeat(owner, "k", asked).await.unwrap();
            assert!(matches!(again, Begun::Unknown(_)), "{again:?}");
            assert_eq!(control.begin_repeat(owner, "k", other).await.unwrap(), Begun::Other);
        }
        let media_type = Some("application/json".to_owned());
        let answer = KeptAnswer { status: 201, media_type, body: Some(b"{}".to_vec()) };
        replica.end_repeat(owner, "k", Some(answer.clone())).await.unwrap();
        let again = control.begin_repeat(owner, "k", asked).await.unwrap();
        assert_eq!(again, Begun::Answered(answer));
        let stranger = organization(control, &plane.instance, "globex").await;
        assert_eq!(control.begin_repeat(&stranger, "k", other).await.unwrap(), Begun::New);
        control.end_repeat(&stranger, "k", None).await.unwrap();
        assert_eq!(control.begin_repeat(&stranger, "k", asked).await.unwrap(), Begun::New);
        control.forget_repeats(in_hours(REPEAT_HOURS - 1)).await.unwrap();
        assert_eq!(control.begin_repeat(owner, "k", other).await.unwrap(), Begun::Other);
        control.forget_repeats(in_hours(REPEAT_HOURS + 1)).await.unwrap();
        assert_eq!(control.begin_repeat(owner, "k", other).await.unwrap(), Begun::New);
    }
}
