//! Several servers on one database at once: they start together, and are restarted one after another while jobs push.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use control::store::{AuditFilter, DeliveryFilter, DeliveryState, Page, Store};
use testdata::peers::{Receiver, Reply};

use crate::crash::{ended, items};
use crate::site::{Site, said};
use crate::support::Server;

const REPLICAS: usize = 3;
const PUSHERS: usize = 3;
/// Attestations that are acknowledged between one restart and the next.
const BETWEEN: usize = 3;
/// How often a job that may try again does. One replica at a time is away.
const ATTEMPTS_MAX: usize = 5;
/// How long a receiver takes to answer, so that a restart finds deliveries under way.
const ANSWER_TIME: Duration = Duration::from_millis(100);
/// How long anything here may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(2);
/// More records than the test makes.
const RECORDS_MAX: u64 = 100_000;

#[test]
fn servers_that_start_together_on_an_empty_database_make_one_installation() {
    let Some(postgres) = testdata::peers::postgres() else { return };
    let (database, folder) = (postgres.database(), tempfile::tempdir().unwrap());
    let start = || Server::start_with(folder.path(), &["--database", &database], &[]);
    let servers: Vec<Server> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..REPLICAS).map(|_| scope.spawn(start)).collect();
        starting.into_iter().map(|server| server.join().unwrap()).collect()
    });
    let tokens = servers.iter().filter_map(|server| server.bootstrap.as_ref());
    assert_eq!(tokens.count(), 1, "each of them may rule the installation");
}

/// Where the replicas listen, each on its own address, and what became of the jobs.
#[derive(Debug, Default)]
struct Load {
    addresses: Mutex<Vec<String>>,
    acknowledged: Mutex<BTreeSet<String>>,
    repeated: AtomicUsize,
    over: AtomicBool,
}

impl Load {
    fn addresses(&self) -> MutexGuard<'_, Vec<String>> {
        self.addresses.lock().unwrap()
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Waits until so many more attestations are acknowledged.
    fn goes_on(&self) {
        let (begun, enough) = (Instant::now(), self.count() + BETWEEN);
        while self.count() < enough {
            assert!(begun.elapsed() < PATIENCE && !self.over.load(Ordering::Relaxed));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Attests one artifact after another, each at the next replica; one that fails for a passing reason, again.
    fn push(&self, site: &Site, pusher: usize) {
        for number in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let (_, line) = site.attest(&format!("app-{pusher}-{number}"));
            let digest = (0..ATTEMPTS_MAX).find_map(|attempt| {
                let address = self.addresses()[(pusher + number + attempt) % REPLICAS].clone();
                let ended = ended(site.start_at(&address, &line));
                match ended.code {
                    0 => Some(said(&ended.stderr)),
                    75 => {
                        self.repeated.fetch_add(1, Ordering::Relaxed);
                        None
                    }
                    _ => panic!("{ended:?}"),
                }
            });
            let new = self.acknowledged.lock().unwrap().insert(digest.expect("a job that failed"));
            assert!(new, "one attestation was acknowledged twice");
        }
    }
}

/// Ends the load also when the test fails, so that its threads do.
struct Ending<'a>(&'a Load);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_rolling_restart_under_load_fails_no_job_and_tells_each_event_once() {
    let Some(site) = Site::shared() else { return };
    let site = site.with(&["--allow-private-host", "127.0.0.1"]);
    let receiver = Receiver::start(|_| {
        std::thread::sleep(ANSWER_TIME);
        Reply::status(200)
    });
    let mut replicas: Vec<Server> = (0..REPLICAS).map(|_| site.serve(&[])).collect();
    let hook = receiver.url("/");
    let line =
        format!("integration create webhook siem --event attestation.received --address {hook}");
    site.run(&replicas[0], &line).with(0);
    let before = last_number(&site);
    let load = Load::default();
    load.addresses().extend(replicas.iter().map(|replica| replica.url.clone()));
    std::thread::scope(|scope| {
        let _ending = Ending(&load);
        for pusher in 0..PUSHERS {
            let (load, site) = (&load, &site);
            scope.spawn(move || {
                let _ending = Ending(load);
                load.push(site, pusher);
            });
        }
        for (index, replica) in replicas.iter_mut().enumerate() {
            load.goes_on();
            // One comes, then one goes: the usual order of a rolling restart.
            let old = std::mem::replace(replica, site.serve(&[]));
            let (code, log) = old.stop();
            assert_eq!(code, 0, "{log}");
            load.addresses()[index].clone_from(&replica.url);
        }
        load.goes_on();
    });
    let acknowledged = load.acknowledged.into_inner().unwrap();
    receiver.wait(|seen| seen.len() >= acknowledged.len());
    let http = site.http(&replicas[0]);
    let listed = items(&http, "attestations");
    let listed = listed.iter().map(|item| item["digest"].as_str().unwrap().to_owned()).collect();
    assert_eq!(acknowledged, listed, "a server that was asked to end did not answer first");
    site.run(&replicas[1], "audit verify").with(0);
    for replica in replicas {
        assert_eq!(replica.stop().0, 0);
    }
    let mut told = BTreeMap::new();
    for request in receiver.seen() {
        let attestation = request.json()["data"]["attestation"].as_str().unwrap().to_owned();
        let before = told.insert(attestation, request.header("webhook-id").to_owned());
        assert_eq!(before, None, "an event was told twice");
    }
    assert_eq!(told.into_keys().collect::<BTreeSet<_>>(), acknowledged);
    numbered_and_settled(&site, before, acknowledged.len());
    println!("{} attested, {} tried again", acknowledged.len(), load.repeated.into_inner());
}

/// The last number that was given.
fn last_number(site: &Site) -> u64 {
    with_store(site, async |store| store.read().current_seq().await.unwrap())
}

/// Every number after `before` was given once and none is missing; every delivery took one attempt.
fn numbered_and_settled(site: &Site, before: u64, attested: usize) {
    with_store(site, async |store| {
        let read = store.read();
        let org = read.organizations().await.unwrap()[0].id;
        let leaves = read.log_leaves(before, RECORDS_MAX).await.unwrap();
        let leaves: Vec<u64> = leaves.iter().map(|leaf| leaf.seq).collect();
        assert!(leaves.is_sorted_by(|a, b| a < b), "{leaves:?}");
        assert_eq!(leaves.len(), 2 * attested, "an attestation has a leaf, its verdict another");
        let mut numbers: BTreeSet<u64> = leaves.into_iter().collect();
        let events = read.events(RECORDS_MAX).await.unwrap();
        numbers.extend(events.iter().map(|event| event.seq));
        let (all, page) = (AuditFilter::default(), Page::first(RECORDS_MAX));
        let audited = read.audit_events(Some(org), &all, page).await.unwrap();
        numbers.extend(audited.iter().map(|entry| entry.event.seq));
        let last = read.current_seq().await.unwrap();
        let missing: Vec<u64> = (before + 1..=last).filter(|one| !numbers.contains(one)).collect();
        assert!(missing.is_empty(), "nothing has the numbers {missing:?}");
        let page = Page::first(RECORDS_MAX);
        let told = read.list_deliveries(org, DeliveryFilter::default(), page).await.unwrap();
        assert_eq!(told.len(), attested);
        for delivery in told {
            assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Delivered, 1));
        }
    });
}

fn with_store<T>(site: &Site, work: impl AsyncFnOnce(&Store) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&site.database).await.unwrap();
        let answer = work(&store).await;
        store.close().await.unwrap();
        answer
    })
}
