//! A job that lies is refused, or judged by what it handed over; never believed.

use control::{Error, RunState};
use engine::gate::Answer;
use engine::id::RunId;
use engine::lineage::Direction;
use engine::{Digest, Kind, Outcome, Verdict};

use crate::plane::{Crafted, Plane, furnish, organization, planes, store};

/// The step that refuses, or the verdict.
async fn outcome(plane: &Plane, crafted: &Crafted) -> String {
    match plane.push(crafted).await {
        Ok(receipt) => receipt.attestation.verdict.to_string(),
        Err(Error::Refused { code, .. }) => format!("refused: {code}"),
        Err(error) => error.code().to_owned(),
    }
}

#[tokio::test]
async fn an_honest_run_is_judged_and_stored_once() {
    for plane in planes().await {
        let crafted = plane.craft(b"app one", "good").await;
        let bundle = plane.sign(&crafted).bytes().to_vec();
        let first =
            plane.control.receive(&plane.owner, crafted.run.id, bundle.clone()).await.unwrap();
        assert!(first.new);
        assert_eq!(
            first.attestation.verdict,
            Verdict::Passed,
            "{:#?}",
            first.attestation.evaluations
        );
        let again =
            plane.control.receive(&plane.owner, crafted.run.id, bundle.clone()).await.unwrap();
        assert!(!again.new);
        assert_eq!(first.attestation, again.attestation);
        let run = plane.control.run(&plane.owner, crafted.run.id).await.unwrap();
        assert_eq!((run.state, run.verdict), (RunState::Closed, Some(Verdict::Passed)));
        assert_eq!(run.attestation, Some(first.attestation.digest));
        assert_eq!(
            plane.control.bundle(&plane.owner, first.attestation.digest).await.unwrap(),
            bundle
        );
        let record = plane.control.verdict(&plane.owner, first.attestation.digest).await.unwrap();
        assert_eq!(Digest::of(&record), first.attestation.verdict_digest);
    }
}

#[tokio::test]
async fn the_same_bytes_at_the_same_time_are_one_attestation() {
    for plane in planes().await {
        let crafted = plane.craft(b"app one", "good").await;
        let bundle = plane.sign(&crafted).bytes().to_vec();
        let receive = || plane.control.receive(&plane.owner, crafted.run.id, bundle.clone());
        let (a, b, c) = tokio::join!(receive(), receive(), receive());
        let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
        assert_eq!(a.attestation, b.attestation);
        assert_eq!(a.attestation, c.attestation);
    }
}

#[tokio::test]
async fn a_claim_is_not_believed() {
    for plane in planes().await {
        // It claims a pass, over an SBOM with a banned component.
        let crafted = plane.craft(b"app two", "evil").await;
        assert_eq!(crafted.predicate.verdict, Verdict::Passed);
        let receipt = plane.push(&crafted).await.unwrap();
        assert_eq!(receipt.attestation.verdict, Verdict::Failed);
        assert_eq!(receipt.attestation.claimed_verdict, Verdict::Passed);
        let failed =
            receipt.attestation.evaluations.iter().find(|e| e.outcome == Outcome::Failed).unwrap();
        assert_eq!(failed.violations[0].rule, "banned-component");
        // It leaves the SBOM out.
        let mut crafted = plane.craft(b"app three", "good").await;
        crafted.predicate.materials.retain(|material| material.name.as_str() != "sbom");
        assert_eq!(outcome(&plane, &crafted).await, "failed");
        // It calls the SBOM something else, so that no policy looks at it.
        let mut crafted = plane.craft(b"app four", "evil").await;
        crafted.predicate.materials[1].kind = Kind::Artifact;
        assert_eq!(outcome(&plane, &crafted).await, "failed");
        // It makes facts up; the server reads its own.
        let mut crafted = plane.craft(b"app five", "good").await;
        crafted.predicate.materials[1].facts = [("components".to_owned(), 7.into())].into();
        let receipt = plane.push(&crafted).await.unwrap();
        assert_eq!(receipt.attestation.materials[1].facts["components"], 1);
    }
}

/// The step that notices, and what the job does.
type Tampering = (&'static str, Box<dyn Fn(&mut Crafted)>);

#[tokio::test]
async fn a_job_that_tampers_is_refused_at_the_step_that_notices() {
    for plane in planes().await {
        let other = plane.craft(b"other", "good").await.run.id;
        let mut cases = other_run(other);
        cases.extend(other_evidence());
        for (index, (expected, tamper)) in cases.iter().enumerate() {
            let mut crafted = plane.craft(format!("app {index}").as_bytes(), "good").await;
            tamper(&mut crafted);
            assert_eq!(outcome(&plane, &crafted).await, *expected, "case {index}");
            let run = plane.control.run(&plane.owner, crafted.run.id).await.unwrap();
            assert_eq!(run.state, RunState::Open, "a refusal changes nothing");
        }
    }
}

/// Claims about the run that it was not.
fn other_run(other: RunId) -> Vec<Tampering> {
    let nowhere = Digest::of("nowhere");
    vec![
        ("refused: run", Box::new(move |crafted| crafted.predicate.run = other)),
        ("refused: contract", Box::new(|crafted| crafted.predicate.contract.revision = 2)),
        ("refused: contract", Box::new(move |crafted| crafted.predicate.contract.digest = nowhere)),
        (
            "refused: contract",
            Box::new(|crafted| crafted.predicate.contract.name = "lax".parse().unwrap()),
        ),
        ("refused: workflow", Box::new(|crafted| crafted.predicate.circumstances.workflow = None)),
        (
            "refused: workflow",
            Box::new(|crafted| {
                let workflow = crafted.predicate.circumstances.workflow.as_mut().unwrap();
                workflow.organization = "globex".parse().unwrap();
            }),
        ),
        (
            "refused: workflow",
            Box::new(|crafted| {
                crafted.predicate.circumstances.workflow.as_mut().unwrap().name =
                    "nightly".parse().unwrap();
            }),
        ),
    ]
}

/// Claims about the evidence that it was not.
fn other_evidence() -> Vec<Tampering> {
    let nowhere = Digest::of("nowhere");
    vec![
        (
            "refused: evidence",
            Box::new(move |crafted| {
                crafted.predicate.materials[1].digest = nowhere;
            }),
        ),
        (
            "refused: materials",
            Box::new(|crafted| crafted.predicate.materials[1].reference_only = true),
        ),
        (
            "refused: materials",
            Box::new(|crafted| {
                let twice = crafted.predicate.materials[1].clone();
                crafted.predicate.materials.push(twice);
            }),
        ),
        ("refused: subjects", Box::new(|crafted| crafted.subjects.truncate(1))),
        ("refused: subjects", Box::new(move |crafted| crafted.subjects[0].2 = nowhere.to_hex())),
        (
            "refused: subjects",
            Box::new(move |crafted| {
                crafted.subjects.push(("extra".to_owned(), "sha256".to_owned(), nowhere.to_hex()));
            }),
        ),
    ]
}

#[tokio::test]
async fn bundles_must_be_signed_by_a_registered_key_and_have_the_form() {
    for plane in planes().await {
        let crafted = plane.craft(b"app", "good").await;
        let good = plane.sign(&crafted).bytes().to_vec();
        let stranger = Plane { key: trust::SigningKey::generate().unwrap(), ..plane };
        assert_eq!(outcome(&stranger, &crafted).await, "refused: signature");
        let receive =
            |bytes: Vec<u8>| stranger.control.receive(&stranger.owner, crafted.run.id, bytes);
        for (bytes, step) in [
            (good[..good.len() / 2].to_vec(), "bundle"),
            (Vec::new(), "bundle"),
            (b"{}".to_vec(), "bundle"),
            (b"\xff\xfe".to_vec(), "bundle"),
        ] {
            let Err(Error::Refused { code, .. }) = receive(bytes).await else {
                panic!("not refused")
            };
            assert_eq!(code, step);
        }
        let max = usize::try_from(stranger.control.limits().bundle_bytes_max).unwrap();
        assert!(matches!(receive(vec![b' '; max + 1]).await, Err(Error::TooLarge(_))));
    }
}

#[tokio::test]
async fn a_statement_with_another_predicate_is_refused() {
    for plane in planes().await {
        let crafted = plane.craft(b"app", "good").await;
        for (kind, predicate) in [
            ("https://example.com/v1", serde_json::to_value(&crafted.predicate).unwrap()),
            (engine::predicate::TYPE, serde_json::json!({ "run": crafted.run.id })),
        ] {
            let statement = trust::Statement::new(crafted.subjects.clone(), kind, predicate);
            let bundle = trust::Signer::sign(&plane.key, &statement).unwrap();
            let refused =
                plane.control.receive(&plane.owner, crafted.run.id, bundle.bytes().to_vec()).await;
            assert!(
                matches!(refused, Err(Error::Refused { code: "predicate", .. })),
                "{refused:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_run_takes_one_attestation_and_a_cancelled_run_none() {
    for plane in planes().await {
        let mut crafted = plane.craft(b"app", "good").await;
        assert_eq!(outcome(&plane, &crafted).await, "passed");
        crafted.predicate.finished_at = crafted.predicate.finished_at.plus_days(1);
        assert_eq!(outcome(&plane, &crafted).await, "conflict");
        let crafted = plane.craft(b"app", "good").await;
        plane.control.cancel_run(&plane.owner, crafted.run.id, "flaky".to_owned()).await.unwrap();
        assert_eq!(outcome(&plane, &crafted).await, "conflict");
    }
}

#[tokio::test]
async fn organizations_do_not_see_each_other() {
    for plane in planes().await {
        let globex = organization(&plane.control, &plane.instance, "globex").await;
        furnish(&plane.control, &globex, &plane.key).await;
        let crafted = plane.craft(b"app", "good").await;
        let bundle = plane.sign(&crafted).bytes().to_vec();
        let foreign = plane.control.receive(&globex, crafted.run.id, bundle).await;
        assert!(matches!(foreign, Err(Error::NotFound(_))), "{foreign:?}");
        let receipt = plane.push(&crafted).await.unwrap();
        let digest = receipt.attestation.digest;
        assert!(matches!(
            plane.control.attestation(&globex, digest).await,
            Err(Error::NotFound(_))
        ));
        assert!(matches!(plane.control.bundle(&globex, digest).await, Err(Error::NotFound(_))));
        assert!(matches!(
            plane.control.run(&globex, crafted.run.id).await,
            Err(Error::NotFound(_))
        ));
        let app = Digest::of("app");
        assert!(matches!(plane.control.blob(&globex, app).await, Err(Error::NotFound(_))));
        // Knowing a digest is not having the bytes; having them is.
        assert!(store(&plane.control, &globex, app, b"not the app").await.is_err());
        store(&plane.control, &globex, app, b"app").await.unwrap();
        assert!(plane.control.blob(&globex, app).await.is_ok());
        let decision =
            plane.control.decide(&globex, &"prod".parse().unwrap(), &[app], None).await.unwrap();
        assert_eq!(
            decision[0].answer,
            Answer::Indeterminate,
            "what another organization attested is unknown here"
        );
    }
}

#[tokio::test]
async fn a_gate_follows_the_lineage() {
    for plane in planes().await {
        let gate = "prod".parse().unwrap();
        let decide = |digest: Digest| {
            plane.control.decide(
                &plane.owner,
                &gate,
                std::slice::from_ref(Box::leak(Box::new(digest))),
                None,
            )
        };
        let (good, bad, unknown) =
            (Digest::of("good app"), Digest::of("bad app"), Digest::of("unknown"));
        let before = plane.control.lineage(&plane.owner, question(good)).await.unwrap().as_of_seq;
        plane.push(&plane.craft(b"good app", "good").await).await.unwrap();
        plane.push(&plane.craft(b"bad app", "evil").await).await.unwrap();
        for (digest, answer) in
            [(good, Answer::Allow), (bad, Answer::Deny), (unknown, Answer::Indeterminate)]
        {
            let decision = decide(digest).await.unwrap().remove(0);
            assert_eq!(decision.answer, answer, "{decision:#?}");
        }
        let then = plane
            .control
            .decide(&plane.owner, &gate, &[good], Some(before))
            .await
            .unwrap()
            .remove(0);
        assert_eq!(then.answer, Answer::Indeterminate, "as of then nobody had attested it");
        // What is built from the bad application must not ship either.
        let mut downstream = plane.craft(b"bundle of apps", "good").await;
        let base = plane.hand_in("base", Kind::Artifact, b"bad app").await;
        downstream.predicate.materials.push(base);
        assert_eq!(plane.push(&downstream).await.unwrap().attestation.verdict, Verdict::Passed);
        let decision = decide(Digest::of("bundle of apps")).await.unwrap().remove(0);
        assert_eq!(decision.answer, Answer::Deny);
        assert_eq!(decision.violations[0].rule, "upstream-failed");
        let lineage = plane
            .control
            .lineage(&plane.owner, question(Digest::of("bundle of apps")))
            .await
            .unwrap();
        assert!(lineage.complete);
        assert!(lineage.nodes.iter().any(|node| node.id == bad.to_string()));
    }
}

fn question(root: Digest) -> control::LineageQuestion {
    control::LineageQuestion {
        root,
        direction: Direction::Up,
        max_hops: 10,
        max_nodes: 100,
        as_of: None,
    }
}
