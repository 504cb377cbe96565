//! Attestations that were made elsewhere: imported once, believed as long as their root says so, part of the lineage.

use control::store::AuditFilter;
use control::{Error, LineageQuestion};
use engine::gate::Answer;
use engine::lineage::{Closure, Direction};
use engine::{Digest, Name};
use serde_json::{Value, json};

use crate::plane::{Plane, organization, planes};

const CONDA: &str = "materials/attestation/conda-publish.sigstore.json";
const NPM: &str = "materials/slsa-provenance/npm-sigstore-2.0.0.sigstore.json";
const PUBLISH: &str = "https://schemas.conda.org/attestations-publish-1.schema.json";
/// What the one of conda is about.
const PACKAGE: &str = "54303491a8418fbed24344b513546182c29b43bf282ceb433af65e2299f9271f";

fn root(name: &str, subject: &str) -> String {
    let identity =
        json!({ "issuer": "https://token.actions.githubusercontent.com", "subject": subject });
    json!({
        "apiVersion": "muster.dev/v1", "kind": "TrustRoot", "metadata": { "name": name },
        "spec": { "sigstore": { "root": "public-good", "identities": [identity] } },
    })
    .to_string()
}

const OWNER: &str = "https://github.com/prefix-dev/sigstore-example/*";

impl Plane {
    async fn lineage_of(&self, digest: Digest) -> Closure {
        let question = LineageQuestion {
            root: digest,
            direction: Direction::Up,
            max_hops: 10,
            max_nodes: 100,
            as_of: None,
        };
        self.control.lineage(&self.owner, question).await.unwrap()
    }

    async fn answer(&self, gate: &str, digest: Digest) -> (Answer, String) {
        let gate: Name = gate.parse().unwrap();
        let decided = self.control.decide(&self.owner, &gate, &[digest], None).await.unwrap();
        let decision = &decided[0];
        let rules = decision.violations.iter().map(|violation| violation.rule.clone());
        (decision.answer, rules.collect::<Vec<_>>().join(" "))
    }
}

fn gate(name: &str, imported: bool) -> String {
    let with = json!({ "trust_root": "conda", "predicate_type": PUBLISH });
    let mut spec = json!({ "use": "endorsed", "with": with });
    if imported {
        spec["imported"] = json!(true);
    }
    json!({
        "apiVersion": "muster.dev/v1", "kind": "Gate", "metadata": { "name": name }, "spec": spec,
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_imported_is_believed_as_long_as_its_root_says_so() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        let bytes = testdata::bytes(CONDA);
        let package = Digest::from_hex(PACKAGE).unwrap();
        for (name, imported) in [("third", true), ("ours", false)] {
            control.put_gate(owner, gate(name, imported), [].into()).await.unwrap();
        }
        assert_eq!(plane.answer("third", package).await, (Answer::Deny, "not-endorsed".to_owned()));
        control.put_trust_root(owner, &root("conda", OWNER)).await.unwrap();
        let (imported, new) = control.import(owner, bytes.clone()).await.unwrap();
        assert!(new && imported.summary.believed);
        assert_eq!(imported.summary.subjects, [package]);
        let (again, new) = control.import(owner, bytes.clone()).await.unwrap();
        assert_eq!((&again, new), (&imported, false));
        assert_eq!(control.imported_bytes(owner, imported.summary.digest).await.unwrap(), bytes);
        let listed = control.imports(owner, None, 10).await.unwrap().items;
        assert_eq!(listed, std::slice::from_ref(&imported));

        let closure = plane.lineage_of(package).await;
        let node = closure.nodes.iter().find(|node| node.hops == 1).unwrap();
        assert_eq!(node.imported.as_ref(), Some(&imported.summary));
        assert_eq!(plane.answer("third", package).await, (Answer::Allow, String::new()));
        // A gate that does not ask for it does not take it for one of ours.
        assert_eq!(plane.answer("ours", package).await.0, Answer::Indeterminate);
        assert_eq!(plane.answer("prod", package).await.0, Answer::Indeterminate);

        let others = root("conda", "https://github.com/prefix-dev/other/*");
        control.put_trust_root(owner, &others).await.unwrap();
        assert!(!control.imported(owner, imported.summary.digest).await.unwrap().summary.believed);
        assert_eq!(plane.answer("third", package).await, (Answer::Deny, "not-believed".to_owned()));
        control.put_trust_root(owner, &root("conda", OWNER)).await.unwrap();
        assert_eq!(plane.answer("third", package).await.0, Answer::Allow);
        control.delete_trust_root(owner, &"conda".parse().unwrap()).await.unwrap();
        assert_eq!(plane.answer("third", package).await, (Answer::Deny, "not-believed".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_is_not_believed_gets_in_and_auditors_are_told() {
    for plane in planes().await {
        let Plane { control, owner, instance, .. } = &plane;
        let refused = async |bytes: Vec<u8>| match control.import(owner, bytes).await {
            Err(Error::Refused { code, .. }) => code,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(testdata::bytes(CONDA)).await, "no-roots");
        let none = "https://github.com/prefix-dev/other/*";
        control.put_trust_root(owner, &root("conda", none)).await.unwrap();
        assert_eq!(refused(testdata::bytes(CONDA)).await, "identity");
        assert_eq!(refused(b"{}".to_vec()).await, "bundle");
        let key = trust::SigningKey::generate().unwrap();
        let many = (0..10_001).map(|number| {
            let digest = Digest::of(format!("{number}")).to_hex();
            (format!("{number}"), "sha256".to_owned(), digest)
        });
        let many = trust::Statement::new(many, "https://example.com/many", json!({}));
        let many = trust::Signer::sign(&key, &many).unwrap();
        let keys = json!({
            "apiVersion": "muster.dev/v1", "kind": "TrustRoot", "metadata": { "name": "many" },
            "spec": { "keys": [key.public().to_pem()] },
        });
        control.put_trust_root(owner, &keys.to_string()).await.unwrap();
        assert_eq!(refused(many.bytes().to_vec()).await, "statement");
        let crafted = plane.craft(b"app", "good").await;
        let own = plane.sign(&crafted).bytes().to_vec();
        assert_eq!(refused(own.clone()).await, "signature");
        control.receive(owner, crafted.run.id, own.clone()).await.unwrap();
        assert_eq!(refused(own).await, "own");
        assert!(control.imports(owner, None, 10).await.unwrap().items.is_empty());
        let filter =
            AuditFilter { action: Some("attestation.refuse".to_owned()), ..AuditFilter::default() };
        let told = control.audit_events(owner, &filter, None, 100).await.unwrap().items;
        assert_eq!(told.len(), 6, "{told:?}");

        // What one organization believes is nothing to another.
        control.put_trust_root(owner, &root("conda", OWNER)).await.unwrap();
        let (imported, _) = control.import(owner, testdata::bytes(CONDA)).await.unwrap();
        let other = organization(control, instance, "other").await;
        let stranger = control.import(&other, testdata::bytes(CONDA)).await.unwrap_err();
        assert!(matches!(stranger, Error::Refused { code: "no-roots", .. }), "{stranger:?}");
        let unseen = control.imported(&other, imported.summary.digest).await.unwrap_err();
        assert!(matches!(unseen, Error::NotFound(_)), "{unseen:?}");
        let package = Digest::from_hex(PACKAGE).unwrap();
        let question = LineageQuestion {
            root: package,
            direction: Direction::Up,
            max_hops: 5,
            max_nodes: 10,
            as_of: None,
        };
        assert_eq!(control.lineage(&other, question).await.unwrap().nodes.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn provenance_leads_to_its_commit_and_is_kept_for_good() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        let npm = root("npm", "https://github.com/sigstore/sigstore-js/*");
        control.put_trust_root(owner, &npm).await.unwrap();
        let (imported, _) = control.import(owner, testdata::bytes(NPM)).await.unwrap();
        assert_eq!(imported.subjects[0].algorithm, "sha512");
        assert!(imported.summary.subjects.is_empty());
        let rule = control::RetentionRule { keep_days: 1, keep_released: true };
        control.set_retention(owner, rule).await.unwrap();
        let at = engine::Timestamp::from_datetime(chrono::Utc::now());
        for days in [3, 5] {
            control.apply_retention(at.plus_days(days)).await.unwrap();
        }
        let bytes = control.imported_bytes(owner, imported.summary.digest).await.unwrap();
        assert_eq!(bytes, testdata::bytes(NPM));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_import_the_same_at_once_one_is_first() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        control.put_trust_root(owner, &root("conda", OWNER)).await.unwrap();
        let tries = (0..6).map(|_| control.import(owner, testdata::bytes(CONDA)));
        let done = futures::future::join_all(tries).await;
        let new: Vec<bool> = done.into_iter().map(|one| one.unwrap().1).collect();
        assert_eq!(new.iter().filter(|new| **new).count(), 1, "{new:?}");
        let shown: Value = json!(control.imports(owner, None, 10).await.unwrap().items.len());
        assert_eq!(shown, json!(1));
    }
}
