//! Runs through the real binary, on both storages: failed, abandoned, repeated.

use sea_orm::{ConnectionTrait, Database};

use crate::site::Site;

/// Moves the deadlines of all open runs into the past.
fn overdue(site: &Site) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let db = Database::connect(&site.database).await.unwrap();
        let sql = "UPDATE run SET expires_at = 1 WHERE state = 'open'";
        assert_eq!(db.execute_unprepared(sql).await.unwrap().rows_affected(), 1);
        db.close().await.unwrap();
    });
}

#[test]
fn an_abandoned_run_expires_and_is_repeated() {
    for site in Site::all() {
        let server = site.serve(&[]);
        let run = |line: &str, code: i32| site.run(&server, line).with(code);
        let id = |stdout: &str| stdout.split_whitespace().next().unwrap().to_owned();
        let first = id(&run("attest init --workflow web/release", 0).stdout);
        let listed = run("run list --state open", 0).stdout;
        assert!(listed.starts_with(&first) && listed.contains("  open until "), "{listed}");
        assert!(
            run(&format!("attest init --replace --rerun {first}"), 2)
                .stderr
                .contains("is still open")
        );
        overdue(&site);
        site.sandbox.write("app", "the application");
        run("attest add app=app sbom=good.json", 0);
        let late = run("attest push --key ci.pem", 2);
        assert!(late.stderr.contains("expired at"), "{}", late.stderr);
        let shown = run(&format!("run show {first}"), 0).stdout;
        assert!(shown.contains("  expired: no attestation came before its deadline"), "{shown}");
        let second = id(&run(&format!("attest init --replace --rerun {first}"), 0).stdout);
        run("attest add app=app sbom=good.json", 0);
        run("attest push --key ci.pem", 0);
        let shown = run(&format!("run show {second} -o json"), 0).json();
        assert_eq!(
            (&shown["rerun_of"], &shown["state"]),
            (&first.as_str().into(), &"closed".into())
        );
        let third = run(&format!("attest --rerun {second} --key ci.pem app=app sbom=good.json"), 0);
        assert!(third.stdout.to_lowercase().contains("passed"), "{}", third.stdout);
        let listed = run("run list --workflow web/release", 0).stdout;
        assert!(listed.contains(&format!("closed passed, repeats {second}")), "{listed}");
        server.stop();
    }
}

#[test]
fn a_server_ends_abandoned_runs_that_nobody_looks_at() {
    for site in Site::all() {
        let server = site.serve(&[]);
        site.run(&server, "attest init --workflow web/release").with(0);
        overdue(&site);
        server.stop();
        // It sweeps when it starts, and every minute. The list of events looks at no run.
        let server = site.serve(&[]);
        let ended = || site.run(&server, "audit list --action run.expire").with(0).stdout;
        let event = (0..500).map(|_| ended()).find(|listed| !listed.is_empty()).unwrap();
        assert!(event.contains("by server:expiry"), "{event}");
        server.stop();
    }
}

#[test]
fn a_run_is_failed_or_cancelled_with_a_reason() {
    let site = Site::embedded();
    let server = site.serve(&[]);
    let command = |args: &[&str]| {
        let mut command = site.sandbox.command(args.iter().copied());
        command.env("MUSTER_SERVER", &server.url).env("MUSTER_TOKEN", &site.owner);
        let output = command.output().unwrap();
        let code = output.status.code();
        (code, String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for (end, word) in [("fail", "failed"), ("cancel", "cancelled")] {
        let opened = site.run(&server, "attest init --replace --workflow web/release").with(0);
        let run = opened.stdout.split_whitespace().next().unwrap();
        let (code, said, _) = command(&["run", end, run, "--reason", "the runner was lost"]);
        assert_eq!((code, said), (Some(0), format!("{run} {word}\n")));
        let listed = site.run(&server, &format!("run list --state {word}")).with(0).stdout;
        assert!(listed.contains(&format!("{word}: the runner was lost")), "{listed}");
        let (code, _, why) = command(&["run", end, run, "--reason", "again"]);
        assert_eq!(code, Some(2), "{why}");
        assert!(why.contains(&format!("is {word}, not open")), "{why}");
    }
    site.run(&server, "attest init --replace --workflow web/release").with(0);
    let reset = site.run(&server, "attest reset --failed").with(0).stdout;
    assert!(reset.ends_with(" failed\n"), "{reset}");
    site.run(&server, "workflow create web/quick --contract release --deadline-minutes 0").with(2);
    site.run(&server, "workflow create web/quick --contract release --deadline-minutes 5").with(0);
    site.run(&server, "attest init --workflow web/quick").with(0);
    let listed = site.run(&server, "run list --workflow web/quick -o json").with(0).json();
    let at = |key: &str| -> engine::Timestamp {
        listed["items"][0][key].as_str().unwrap().parse().unwrap()
    };
    assert_eq!(at("expires_at").as_millis() - at("created_at").as_millis(), 300_000);
    let unknown = "00000000-0000-0000-0000-000000000000";
    site.run(&server, &format!("run show {unknown}")).with(6);
    site.run(&server, &format!("attest init --rerun {unknown} --workflow web/quick")).with(2);
    server.stop();
}

#[test]
fn an_organization_sees_how_it_stands() {
    let site = Site::embedded();
    let server = site.serve(&[]);
    let run = |line: &str| site.run(&server, line).with(0);
    let before = run("readiness").stdout;
    for line in ["workflows   0 of 1 attested\n", "evidence    none\n", "to attest   none\n"] {
        assert!(before.contains(line), "{before}");
    }
    let (_, line) = site.attest("app");
    run(&line);
    run("attest init --workflow web/release");
    let after = run("readiness").stdout;
    for part in ["1 closed", "1 open", "1 passed", "1 of 1 attested", "old; nine of ten"] {
        assert!(after.contains(part), "{after}");
    }
    let json = run("readiness -o json").json();
    assert_eq!((&json["runs"]["closed"], &json["verdicts"]["passed"]), (&1.into(), &1.into()));
    assert!(json["time_to_attest"]["longest_ms"].as_u64().unwrap() > 0, "{json}");
}
