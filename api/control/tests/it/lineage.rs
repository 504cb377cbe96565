//! Walks on a database against the same question asked of a list of edges in memory.

use std::collections::{BTreeMap, BTreeSet};

use control::store::{Closure, Direction, NodeKey, Store, Walk};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::support::{Opened, Tenant, artifact, attest, attestation, stores, tenant};

/// `(src, dst, seq)`, the edges as they were written.
type Edges = Vec<(NodeKey, NodeKey, u64)>;

async fn graph(
    store: &Store,
    tenant: &Tenant,
    attestations: &[(&str, Vec<&str>, Vec<&str>)],
) -> Edges {
    let mut edges = Edges::new();
    for (name, materials, subjects) in attestations {
        let seq = attest(store, tenant, name, materials, subjects).await;
        edges.extend(materials.iter().map(|item| (artifact(item), attestation(name), seq)));
        edges.extend(subjects.iter().map(|item| (attestation(name), artifact(item), seq)));
    }
    edges
}

async fn ask(store: &Store, walk: Walk) -> Closure {
    let closure = store.read().walk(&walk).await.unwrap();
    assert!(closure.statements <= walk.hops_max + 2, "{} statements", closure.statements);
    assert_eq!(closure.complete, !closure.truncated);
    closure
}

async fn walk(store: &Store, tenant: &Tenant, root: &str, direction: Direction) -> Walk {
    let as_of = store.read().current_seq().await.unwrap();
    Walk {
        org: tenant.org,
        roots: vec![artifact(root)],
        direction,
        hops_max: 64,
        nodes_max: 1_000,
        as_of,
    }
}

fn nodes(closure: &Closure) -> BTreeMap<NodeKey, u32> {
    closure.nodes.iter().map(|node| (node.key.clone(), node.hops)).collect()
}

fn edges(closure: &Closure) -> BTreeSet<(NodeKey, NodeKey, u64)> {
    let key = |place: usize| closure.nodes[place].key.clone();
    closure.edges.iter().map(|edge| (key(edge.src), key(edge.dst), edge.seq)).collect()
}

/// The nodes by hops, the edges, and whether that is all.
type Reached = (BTreeMap<NodeKey, u32>, BTreeSet<(NodeKey, NodeKey, u64)>, bool);

/// The nodes within `hops_max` and the edges that are followed to find them.
fn reference(all: &Edges, walk: &Walk) -> Reached {
    let mut hops: BTreeMap<NodeKey, u32> = BTreeMap::new();
    let (mut followed, mut complete) = (BTreeSet::new(), true);
    for up in [true, false] {
        if matches!((walk.direction, up), (Direction::Up, false) | (Direction::Down, true)) {
            continue;
        }
        let mut front: BTreeSet<NodeKey> = walk.roots.iter().cloned().collect();
        let mut visited = front.clone();
        for hop in 0..=walk.hops_max {
            let mut next = BTreeSet::new();
            for node in &front {
                let least = hops.entry(node.clone()).or_insert(hop);
                *least = hop.min(*least);
            }
            for edge in all.iter().filter(|edge| edge.2 <= walk.as_of) {
                let (near, far) = if up { (&edge.1, &edge.0) } else { (&edge.0, &edge.1) };
                if !front.contains(near) {
                    continue;
                }
                complete &= hop < walk.hops_max;
                if hop < walk.hops_max {
                    followed.insert(edge.clone());
                    next.extend(visited.insert(far.clone()).then(|| far.clone()));
                }
            }
            front = next;
        }
    }
    (hops, followed, complete)
}

async fn agrees_at_every_bound(store: &Store, all: &Edges, walk: &Walk) {
    for hops_max in [0, 1, 2, 3, 64] {
        for as_of in all.iter().map(|edge| edge.2).chain([0, walk.as_of]) {
            let walk = Walk { hops_max, as_of, ..walk.clone() };
            let closure = ask(store, walk.clone()).await;
            let found = (nodes(&closure), edges(&closure), closure.complete);
            assert_eq!(found, reference(all, &walk), "{walk:?}");
        }
    }
}

const DIRECTIONS: [Direction; 3] = [Direction::Up, Direction::Down, Direction::Both];

#[tokio::test(flavor = "multi_thread")]
async fn diamonds_cycles_and_histories_are_walked_once() {
    for Opened { store, .. } in &stores().await {
        let t = tenant(store, "acme").await;
        let all = graph(
            store,
            &t,
            &[
                ("left", vec!["source"], vec!["a"]),
                ("right", vec!["source"], vec!["b"]),
                ("join", vec!["a", "b"], vec!["image"]),
                ("back", vec!["image"], vec!["source"]),
                ("again", vec!["a"], vec!["image"]),
            ],
        )
        .await;
        for direction in DIRECTIONS {
            for root in ["source", "a", "image", "unheard-of"] {
                let walk = walk(store, &t, root, direction).await;
                agrees_at_every_bound(store, &all, &walk).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_is_cut_and_says_so() {
    for Opened { store, .. } in &stores().await {
        let t = tenant(store, "acme").await;
        let names: Vec<String> = (0..30).map(|number| format!("build {number}")).collect();
        for name in &names {
            attest(store, &t, name, &["base"], &[]).await;
        }
        let question = walk(store, &t, "base", Direction::Down).await;
        let whole = ask(store, question.clone()).await;
        assert_eq!((whole.nodes.len(), whole.edges.len(), whole.complete), (31, 30, true));
        let cut = ask(store, Walk { nodes_max: 10, ..question.clone() }).await;
        assert_eq!((cut.nodes.len(), cut.edges.len(), cut.truncated), (10, 9, true));
        assert_eq!(cut.frontier, [0]);
        // Two nodes leave room for sixteen edges: the statement itself is bounded.
        let tight = ask(store, Walk { nodes_max: 2, ..question.clone() }).await;
        assert_eq!((tight.nodes.len(), tight.edges.len(), tight.truncated), (2, 1, true));
        let few = ask(
            store,
            Walk { nodes_max: 1, roots: vec![artifact("base"), artifact("x")], ..question },
        )
        .await;
        assert!(few.truncated && few.nodes.len() == 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organization_adds_nothing() {
    for Opened { store, .. } in &stores().await {
        let (a, b) = (tenant(store, "a").await, tenant(store, "b").await);
        graph(store, &a, &[("build", vec!["source"], vec!["image"])]).await;
        for direction in DIRECTIONS {
            let closure = ask(store, walk(store, &b, "image", direction).await).await;
            assert_eq!((closure.nodes.len(), closure.edges.len()), (1, 0));
        }
        graph(store, &b, &[("build", vec!["image"], vec!["chart"])]).await;
        let closure = ask(store, walk(store, &b, "chart", Direction::Up).await).await;
        assert_eq!(nodes(&closure).keys().filter(|key| **key == artifact("source")).count(), 0);
    }
}

fn names(numbers: &[u8]) -> Vec<String> {
    numbers.iter().map(|number| format!("artifact {number}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_graph_answers_as_the_reference_does(
        attestations in prop::collection::vec((prop::collection::vec(0_u8..8, 0..4), prop::collection::vec(0_u8..8, 0..3)), 1..12),
        questions in prop::collection::vec((0_u8..9, 0_usize..3, 0_u32..9, 0_u64..30), 12),
    ) {
        Runtime::new().unwrap().block_on(async {
            let opened = crate::support::sqlite().await;
            let t = tenant(&opened.store, "acme").await;
            let mut all = Edges::new();
            for (number, (materials, subjects)) in attestations.iter().enumerate() {
                let (materials, subjects) = (names(materials), names(subjects));
                let name = format!("attestation {number}");
                let item = (
                    name.as_str(),
                    materials.iter().map(String::as_str).collect(),
                    subjects.iter().map(String::as_str).collect(),
                );
                all.extend(graph(&opened.store, &t, &[item]).await);
            }
            for (root, direction, hops_max, as_of) in questions {
                let root = format!("artifact {root}");
                let walk = walk(&opened.store, &t, &root, DIRECTIONS[direction]).await;
                let walk = Walk { hops_max, as_of, ..walk };
                let closure = ask(&opened.store, walk.clone()).await;
                assert_eq!((nodes(&closure), edges(&closure), closure.complete), reference(&all, &walk), "{walk:?}");
            }
        });
    }
}
