//! Who is what in a project, from the command line.

use crate::site::Site;

#[test]
fn roles_in_a_project_are_set_listed_and_taken_away() {
    for site in Site::all() {
        let server = site.serve(&[]);
        let run = |line: &str, code: i32| site.run(&server, line).with(code);
        let set = "project member set web --group web-team --role";
        let first = run(&format!("{set} viewer"), 0).stdout;
        assert!(first.ends_with("  group web-team  viewer\n"), "{first}");
        let changed = run(&format!("{set} contributor"), 0).stdout;
        assert!(changed.ends_with("  group web-team  contributor\n"), "{changed}");
        let listed = run("project member list web", 0).stdout;
        assert_eq!(listed, changed, "one role for each");
        let nobody = run("project member set web jane@acme.test --role admin", 6).stderr;
        assert!(nobody.contains("there is no member `jane@acme.test`"), "{nobody}");
        run("project member set web --role admin", 2);
        run("project member set web jane@acme.test --group x --role admin", 2);
        run("project member set nowhere --group x --role admin", 6);
        let id = listed.split_whitespace().next().unwrap();
        run(&format!("project member remove web {id}"), 0);
        run(&format!("project member remove web {id}"), 6);
        assert_eq!(run("project member list web", 0).stdout, "");
        let told = run("audit list --action project.role", 0).stdout;
        assert_eq!(told.lines().count(), 2, "{told}");
        server.stop();
    }
}
