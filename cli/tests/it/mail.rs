//! Mail through servers that want TLS and a login.

use testdata::peers::{self, SmtpMode};

use crate::support::{Sandbox, Server};

#[test]
fn mail_goes_under_tls_to_whom_the_certificate_names_and_no_password_is_shown() {
    for (mode, scheme) in [(SmtpMode::Tls, "smtps"), (SmtpMode::StartTls, "smtp")] {
        let Some(smtp) = peers::smtp(mode) else { return };
        let data = tempfile::tempdir().unwrap();
        let certificate = smtp.certificate().display().to_string();
        let start = |variables: &[(&str, &str)]| {
            Server::start_with(data.path(), &["--allow-private-host", "127.0.0.1"], variables)
        };
        let server = start(&[("SSL_CERT_FILE", &certificate)]);
        let owner = Sandbox::new().and(server.organization("acme"));
        let (user, password) = smtp.account();
        owner.write("password", format!("{password}\n"));
        owner.write("wrong", "hunter2");
        let create = format!(
            "integration create email people --address {scheme}://{} --from muster@example.com \
             --to sec@example.com --username {user} --event run.*",
            smtp.address()
        );
        owner.run(&create).with(2);
        owner.run(&format!("{create} --password-file wrong")).with(0);
        let refused = owner.run("integration test people").with(3).stdout;
        assert!(refused.contains("the mail server answered 535"), "{mode:?}: {refused}");
        owner.run("integration update people --password-file password").with(0);
        owner.run("integration test people").with(0);
        owner.run("integration update people --to ops@example.com --to sec@example.com").with(0);
        let shown = owner.run("integration show people").with(0).stdout;
        assert!(shown.contains("email  ops@example.com, sec@example.com by smtp"), "{shown}");
        owner.run("integration test people").with(0);
        let kept = smtp.kept();
        let logins: Vec<_> = kept.iter().map(|one| one["login"].as_str()).collect();
        assert_eq!(logins, [Some(user); 2], "{mode:?}");
        assert_eq!(kept[1]["to"].as_array().unwrap().len(), 2);
        owner.run("integration update people --address smtps://mail.example.com").with(2);

        let listed = owner.run("integration list -o json").with(0).stdout;
        let trail = owner.run("audit export -o -").with(0).stdout;
        let (_, log) = server.stop();
        for secret in [password, "hunter2"] {
            assert!(!format!("{listed}{trail}{log}").contains(secret), "{mode:?}");
        }
        // Whoever the machine does not trust gets nothing.
        let server = start(&[]);
        let distrusting = owner.and([("MUSTER_SERVER", server.url.as_str())]);
        let refused = distrusting.run("integration test people").with(3).stdout;
        assert!(refused.contains("certificate"), "{mode:?}: {refused}");
        assert_eq!(smtp.kept().len(), 2);
    }
}
