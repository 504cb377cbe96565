//! The audit trail through the real binary, on both storages: exported, gone on with, verified without a server.

use engine::Digest;
use engine::audit::{End, Head, Line};
use sea_orm::{ConnectionTrait, Database};

use crate::site::Site;
use crate::support::Server;

/// A site with a handful of events, and the server over it.
fn busy(site: &Site) -> Server {
    let server = site.serve(&[]);
    for n in 0..3 {
        site.run(&server, &format!("project create p{n}")).with(0);
    }
    server
}

#[test]
fn a_trail_is_listed_exported_and_verified_offline() {
    for site in Site::all() {
        let server = busy(&site);
        let run = |line: &str, code: i32| site.run(&server, line).with(code);
        let listed = run("audit list --action project.* --limit 2", 0);
        assert!(
            listed.stdout.contains("project.create") && listed.stdout.contains("p2"),
            "{}",
            listed.stdout
        );
        assert!(listed.stderr.contains("there are more: --after "), "{}", listed.stderr);
        let json = run("audit list --target p1 -o json", 0).json();
        assert_eq!(json["items"][0]["after"]["name"], "p1");
        let head = run("audit head", 0).stdout.trim().to_owned();
        let intact = run(&format!("audit verify --head {head}"), 0).stdout;
        assert!(intact.starts_with("INTACT  ") && intact.contains(&head), "{intact}");
        run("audit export -o trail.jsonl", 0);
        let offline =
            site.sandbox.run(&format!("audit verify --file trail.jsonl --head {head}")).with(0);
        assert_eq!(offline.stdout, intact);
        assert_eq!(run("audit export", 0).stdout, site.sandbox.read("trail.jsonl"));
    }
}

#[test]
fn an_export_that_is_there_is_gone_on_with() {
    for site in Site::all() {
        let server = busy(&site);
        let export = || site.run(&server, "audit export -o trail.jsonl");
        export().with(0);
        let whole = site.sandbox.read("trail.jsonl");
        // It was interrupted in the middle of a line.
        let (lines, _) = whole.split_at(whole.len() / 2);
        site.sandbox.write("trail.jsonl", lines);
        let cut = site.sandbox.run("audit verify --file trail.jsonl").with(4);
        assert!(cut.stdout.contains("does not say that this is the end"), "{}", cut.stdout);
        export().with(0);
        assert_eq!(site.sandbox.read("trail.jsonl"), whole, "{}", site.name);
        // It is exported again after more happened.
        site.run(&server, "project create later").with(0);
        export().with(0);
        let longer = site.sandbox.read("trail.jsonl");
        assert_eq!(longer.lines().count(), whole.lines().count() + 1);
        assert!(longer.starts_with(whole.lines().next().unwrap()));
        site.sandbox.run("audit verify --file trail.jsonl").with(0);
        // It is of somebody else, or was edited: it is kept as it is.
        site.sandbox.write("trail.jsonl", longer.replacen("p1", "p9", 1));
        let refused = export().with(3);
        assert!(
            refused.stderr.contains("was altered")
                && refused.stderr.contains("export to another one"),
            "{}",
            refused.stderr
        );
        assert!(site.sandbox.read("trail.jsonl").contains("p9"));
        server.stop();
    }
}

/// The second and the third line in each other's place.
fn reordered(lines: &[&str]) -> String {
    let mut lines = lines.to_vec();
    lines.swap(1, 2);
    lines.join("\n") + "\n"
}

/// The last event cut off by someone who also writes the end that fits: only a head noted elsewhere tells.
fn shortened(lines: &[&str]) -> String {
    let [kept @ .., last, _, _] = lines else { panic!("{lines:?}") };
    let Line::Entry(entry) = serde_json::from_str(last).unwrap() else { panic!("{last}") };
    let head = Head { position: entry.event.position, digest: entry.digest };
    let organization = entry.event.organization;
    let end = Line::End(End { organization, head: Some(head), outside: Vec::new() });
    let end = serde_json::to_string(&end).unwrap();
    format!("{}\n{last}\n{end}\n", kept.join("\n"))
}

#[test]
fn what_was_done_to_an_exported_file_is_found_without_a_server() {
    let site = Site::embedded();
    let server = busy(&site);
    site.run(&server, "audit export -o trail.jsonl").with(0);
    let whole = site.sandbox.read("trail.jsonl");
    let lines: Vec<&str> = whole.lines().collect();
    let count = lines.len() - 1;
    let without = |gone: usize| {
        let kept: Vec<&str> =
            lines.iter().enumerate().filter(|(n, _)| *n != gone).map(|(_, line)| *line).collect();
        kept.join("\n") + "\n"
    };
    let head: Head = site.run(&server, "audit head").stdout.trim().parse().unwrap();
    let wrong = Head { digest: Digest::of("another"), ..head };
    let cases = [
        (reordered(&lines), String::new(), 3, "event 2 was removed: event 3 comes next"),
        (shortened(&lines), String::new(), 0, "INTACT"),
        (
            shortened(&lines),
            format!("--head {head}"),
            3,
            &format!("event {count} was removed: an event was noted at position {count}"),
        ),
        (whole.replacen("\"p1\"", "\"p9\"", 1), String::new(), 3, "was altered"),
        (
            whole.replacen("{\"entry\"", "{\"entri\"", 1),
            String::new(),
            3,
            "event 1 was altered: line 1 does not read as an event",
        ),
        (without(2), String::new(), 3, "event 3 was removed: event 4 comes next"),
        (without(count - 1), String::new(), 3, &format!("event {count} was removed")),
        (without(count), String::new(), 4, "does not say that this is the end"),
        (format!("{whole}{}\n", lines[0]), String::new(), 3, "stands after the end"),
        (
            whole.clone(),
            format!("--head {wrong}"),
            3,
            &format!("event {count} was altered or inserted"),
        ),
        (
            whole.clone(),
            format!("--head {}@{}", head.digest, count + 5),
            3,
            "was removed: an event was noted at position",
        ),
        (String::new(), String::new(), 4, "it ends after no event"),
    ];
    for (content, head, code, phrase) in cases {
        site.sandbox.write("tampered.jsonl", content);
        let said =
            site.sandbox.run(&format!("audit verify --file tampered.jsonl {head}")).with(code);
        assert!(said.stdout.contains(phrase), "{phrase}: {}", said.stdout);
    }
    site.sandbox.run("audit verify --file not-there").with(2);
    site.sandbox.run("audit verify --file trail.jsonl --head 7").with(2);
}

#[test]
fn what_was_done_to_the_database_is_found_by_asking_the_server() {
    for site in Site::all() {
        let server = busy(&site);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let by_hand = |sql: &str| {
            runtime.block_on(async {
                let db = Database::connect(&site.database).await.unwrap();
                assert_eq!(db.execute_unprepared(sql).await.unwrap().rows_affected(), 1);
                db.close().await.unwrap();
            });
        };
        by_hand("UPDATE audit_event SET target = 'p9' WHERE target = 'p1'");
        let said = site.run(&server, "audit verify").with(3).stdout;
        assert!(
            said.starts_with("BROKEN  event ") && said.contains("was altered"),
            "{}: {said}",
            site.name
        );
        by_hand("UPDATE audit_event SET target = 'p1' WHERE target = 'p9'");
        site.run(&server, "audit verify").with(0);
        by_hand("DELETE FROM audit_event WHERE target = 'p1'");
        let said = site.run(&server, "audit verify").with(3).stdout;
        assert!(said.contains("was removed"), "{}: {said}", site.name);
        let exported = site.run(&server, "audit export -o broken.jsonl").with(3);
        assert!(exported.stderr.contains("was removed"), "{}", exported.stderr);
        assert!(site.sandbox.read("broken.jsonl").contains("\"p2\""), "it is exported as it is");
    }
}
