//! Old evidence leaves a real server, and what somebody counts on does not.

use std::time::{Duration, Instant};

use engine::Digest;
use sea_orm::{ConnectionTrait, Database};

use crate::site::Site;
use crate::support::Server;

const PATIENCE: Duration = Duration::from_mins(1);

/// Runs statements on the database of a site, by hand.
fn by_hand(site: &Site, statements: &[&str]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let db = Database::connect(&site.database).await.unwrap();
        for sql in statements {
            assert!(db.execute_unprepared(sql).await.unwrap().rows_affected() > 0, "{sql}");
        }
        db.close().await.unwrap();
    });
}

/// Lets everything be 40 days old.
fn age(site: &Site) {
    by_hand(
        site,
        &[
            "UPDATE org_blob SET created_at = created_at - 3456000000",
            "UPDATE attestation SET created_at = created_at - 3456000000",
        ],
    );
}

/// Waits until the server says so.
fn until(site: &Site, server: &Server, what: &str) {
    let begun = Instant::now();
    while !site.run(server, "retention show").with(0).stdout.contains(what) {
        assert!(begun.elapsed() < PATIENCE, "{what}: {}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn evidence_that_is_old_goes_and_the_attestation_stays() {
    for site in Site::all() {
        let server = site.serve(&[]);
        let run = |server: &Server, line: &str| site.run(server, line).with(0).stdout;
        assert_eq!(run(&server, "retention show"), "all evidence is kept\n");
        let apps = ["one", "two"].map(|name| {
            let (app, line) = site.attest(name);
            run(&server, &line);
            app
        });
        assert_eq!(
            run(&server, "retention set --keep-days 30 --dry-run"),
            "0 blobs, 0 bytes would be removed\n"
        );
        age(&site);
        let dry = run(&server, "retention set --keep-days 30 --dry-run");
        assert!(dry.starts_with("3 blobs, "), "two applications and their SBOM: {dry}");
        assert_eq!(run(&server, "retention show"), "all evidence is kept\n");
        let set = run(&server, "retention set --keep-days 30");
        let begins = "evidence is kept for 30 days, that of released versions for good\n";
        assert!(set.starts_with(begins) && set.contains("not all blobs were looked at"), "{set}");
        // Whoever starts looks at once.
        server.stop();
        let server = site.serve(&[]);
        until(&site, &server, "  3 blobs, ");
        let head = site.http(&server).get(&format!("/v1/blobs/{}", apps[0])).with(200);
        let sunset = head.headers["sunset"].to_str().unwrap();
        chrono::DateTime::parse_from_rfc2822(sunset).unwrap();
        // One is used again: it is handed in again, with its SBOM.
        let (_, line) = site.attest("one");
        run(&server, &line);
        until(&site, &server, "  1 blobs, ");
        server.stop();
        by_hand(&site, &["UPDATE org_blob SET expires_at = 1 WHERE expires_at IS NOT NULL"]);
        let server = site.serve(&[]);
        until(&site, &server, "  0 blobs, ");
        stays(&site, &server, apps);
        let trail = run(&server, "audit list --action retention.* -o json");
        assert!(
            trail.contains("server:retention") && trail.contains(&apps[1].to_string()),
            "{trail}"
        );
        run(&server, "retention clear");
        assert_eq!(run(&server, "retention show"), "all evidence is kept\n");
        server.stop();
    }
}

/// The evidence `one` is there, and `two` is not; both attestations are, and gates allow both.
fn stays(site: &Site, server: &Server, [one, two]: [Digest; 2]) {
    assert_eq!(site.http(server).fetch_blob(one).0, one);
    let gone = site.http(server).get(&format!("/v1/blobs/{two}")).with(404).json();
    let detail = gone["detail"].as_str().unwrap();
    assert!(detail.contains("removed under the retention rule"), "{detail}");
    for app in [one, two] {
        site.run(server, &format!("lineage {app}")).with(0);
    }
    let listed = site.http(server).get("/v1/attestations").with(200).json();
    for one in listed["items"].as_array().unwrap() {
        let digest = one["digest"].as_str().unwrap();
        site.http(server).get(&format!("/v1/attestations/{digest}/bundle")).with(200);
        site.http(server).get(&format!("/v1/attestations/{digest}/verdict")).with(200);
    }
}

#[test]
fn a_rule_has_a_form_and_is_for_those_who_keep_the_storage() {
    let site = Site::embedded();
    let server = site.serve(&[]);
    for (line, phrase) in [
        ("retention set", "--keep-days"),
        ("retention set --keep-days 0", "1 to 36500 days"),
        ("retention set --keep-days 36501 --dry-run", "1 to 36500 days"),
        ("retention set --keep-days many", "invalid digit"),
        ("retention", "Usage"),
    ] {
        let stderr = site.run(&server, line).with(2).stderr;
        assert!(stderr.contains(phrase), "{line}: {stderr}");
    }
    let made = site.run(&server, "token create job --scope attest").with(0).stdout;
    let refused = site.run_under(&server, made.trim(), "retention show").with(5).stderr;
    assert!(refused.contains("edit-storage") || refused.contains("scope"), "{refused}");
}
