//! People log in with the real binary at a real provider, in a browser and on another device, and manage each other.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Response, Url, redirect};
use testdata::peers::{LoginServer, login_server};

use crate::site::Site;
use crate::support::{Ended, Sandbox, Server};

/// Sites at whose servers people log in, and the provider; none where it is not installed.
fn sites() -> Option<(LoginServer, Vec<(Site, Server)>)> {
    let provider = login_server()?;
    let url = provider.url();
    let variables =
        [("MUSTER_LOGIN_ISSUER", url.as_str()), ("MUSTER_LOGIN_CLIENT_ID", LoginServer::CLIENT_ID)];
    let serve = |site: Site| {
        let server = site.serve(&variables);
        (site, server)
    };
    Some((provider, Site::all().into_iter().map(serve).collect()))
}

/// A person at a machine of their own.
fn person(server: &Server) -> Sandbox {
    Sandbox::new().and([("MUSTER_SERVER", server.url.as_str())])
}

/// A browser: it keeps cookies, follows redirects and fills in forms.
struct Browser {
    http: Client,
    cookies: BTreeMap<String, String>,
    email: String,
}

impl Browser {
    fn of(email: &str) -> Self {
        let http = Client::builder().no_proxy().redirect(redirect::Policy::none());
        let http = http.build().unwrap();
        Self { http, cookies: BTreeMap::new(), email: email.to_owned() }
    }

    /// Opens an address and does what it says, until nothing is to be filled in; answers the last page.
    async fn open(&mut self, address: &str) -> String {
        let mut answer = self.send(Url::parse(address).unwrap(), None).await;
        loop {
            let at = answer.url().clone();
            if let Some(location) = answer.headers().get(LOCATION) {
                let next = at.join(location.to_str().unwrap()).unwrap();
                answer = self.send(next, None).await;
                continue;
            }
            let page = answer.text().await.unwrap();
            let Some((action, form)) = self.form(&page) else { return page };
            answer = self.send(at.join(&action).unwrap(), Some(form)).await;
        }
    }

    async fn send(&mut self, url: Url, form: Option<Vec<(String, String)>>) -> Response {
        let pairs: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = match form {
            Some(form) => self.http.post(url).form(&form),
            None => self.http.get(url),
        };
        let answer = request.header(COOKIE, pairs.join("; ")).send().await.unwrap();
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// The form of a page, filled in.
    fn form(&self, page: &str) -> Option<(String, Vec<(String, String)>)> {
        let form = page.split("<form").nth(1)?;
        let form = form.split("</form>").next()?;
        let attribute = |tag: &str, name: &str| {
            let (_, rest) = tag.split_once(&format!("{name}=\""))?;
            rest.split('"').next().map(ToOwned::to_owned)
        };
        let mut filled: Vec<(String, String)> = form
            .split("<input")
            .skip(1)
            .filter_map(|input| {
                let name = attribute(input, "name")?;
                let value = match name.as_str() {
                    "login" => self.email.clone(),
                    "password" => "anything".to_owned(),
                    _ => attribute(input, "value").unwrap_or_default(),
                };
                Some((name, value))
            })
            .collect();
        if form.contains("name=\"confirm\"") || form.contains("Continue") {
            filled.push(("confirm".to_owned(), "yes".to_owned()));
        }
        Some((attribute(form, "action")?, filled))
    }
}

/// `muster login`, under way: it said where to go.
struct Waiting {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    said: String,
}

impl Waiting {
    fn login(person: &Sandbox, args: &str) -> Self {
        let mut command = person.command(["login"]);
        command.args(args.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr, said: String::new() }
    }

    /// What stands in its next line that has this.
    fn line(&mut self, part: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "it ended: {}", self.said);
            self.said.push_str(&line);
            if line.contains(part) {
                return line.trim().to_owned();
            }
        }
    }

    fn end(mut self) -> Ended {
        self.stderr.read_to_string(&mut self.said).unwrap();
        let output = self.child.wait_with_output().unwrap();
        Ended {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: self.said,
        }
    }
}

/// Logs somebody in, in a browser.
async fn log_in(person: &Sandbox, email: &str, args: &str) -> Ended {
    let mut waiting = Waiting::login(person, args);
    let address = waiting.line("/auth?");
    Browser::of(email).open(&address).await;
    waiting.end()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_log_in_and_manage_each_other() {
    let Some((_provider, sites)) = sites() else { return };
    for (site, server) in sites {
        site.run(&server, "invitation create jane@acme.test --role admin").with(0);
        let jane = person(&server);
        let said = jane.run("whoami").with(5).stderr;
        assert!(said.contains("nobody logged in") && said.contains("muster login"), "{said}");
        let logged_in = log_in(&jane, "jane@acme.test", "").await.with(0);
        assert!(
            logged_in.stderr.contains("jane@acme.test is admin of acme until "),
            "{logged_in:?}"
        );
        assert_eq!(jane.run("whoami").with(0).stdout, "jane@acme.test of acme: admin\n");
        jane.run("project create api").with(0);

        // She invites John, who comes by the group; his membership is hers to change.
        jane.run("invitation create john@acme.test --role viewer").with(0);
        let john = person(&server);
        log_in(&john, "john@acme.test", "--organization acme").await.with(0);
        let denied = john.run("project create mine").with(5).stderr;
        assert!(denied.contains("as `viewer` you may not edit-projects"), "{denied}");
        jane.run("member role john@acme.test member").with(0);
        assert_eq!(john.run("whoami").with(0).stdout, "john@acme.test of acme: member\n");
        let denied = jane.run("member role john@acme.test owner").with(5).stderr;
        assert!(denied.contains("only an owner"), "{denied}");
        let listed = jane.run("member list").with(0).stdout;
        assert_eq!(listed.lines().count(), 2, "{listed}");
        jane.run("member remove john@acme.test").with(0);
        let gone = john.run("whoami").with(5).stderr;
        assert!(gone.contains("`john@acme.test` is no member any more"), "{gone}");
        jane.run("member remove john@acme.test").with(6);

        jane.run("logout").with(0);
        jane.run("whoami").with(5);
        assert!(jane.run("logout").with(0).stderr.contains("there is no session"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_a_browser_logs_in_on_another_device() {
    let Some((_provider, sites)) = sites() else { return };
    for (site, server) in sites {
        site.run(&server, "group set security --role member").with(0);
        let jane = person(&server);
        let mut waiting = Waiting::login(&jane, "--device --organization acme");
        let line = waiting.line("on any device");
        let (_, address) = line.split_once("open ").unwrap();
        let address = address.split_whitespace().next().unwrap().to_owned();
        let code = waiting.line("-");
        let address = format!("{address}?user_code={code}");
        let page = Browser::of("security@acme.test").open(&address).await;
        assert!(page.contains("Sign-in Success"), "the device was not confirmed");
        let ended = waiting.end().with(0);
        assert!(ended.stderr.contains("security@acme.test is member of acme until "), "{ended:?}");
        site.run(&server, "group delete security").with(0);
        jane.run("whoami").with(5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_why_and_nothing_is_kept() {
    let Some((_provider, sites)) = sites() else { return };
    let (site, server) = sites.into_iter().next().unwrap();
    site.run(&server, "invitation create unverified@acme.test --role viewer").with(0);
    for (email, why) in [
        ("stranger@acme.test", "ask an owner of yours for an invitation"),
        ("unverified@acme.test", "`email_verified`"),
    ] {
        let stranger = person(&server);
        let ended = log_in(&stranger, email, "").await.with(5);
        assert!(ended.stderr.contains(why), "{ended:?}");
        stranger.run("whoami").with(5);
        assert!(!stranger.state().join("sessions.json").exists());
    }
    // Another page of this machine cannot end the login with a code of its own.
    let jane = person(&server);
    let mut waiting = Waiting::login(&jane, "");
    let address = Url::parse(&waiting.line("/auth?")).unwrap();
    let (_, callback) = address.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap();
    let other = format!("{callback}?state=guessed&code=stolen");
    let refused = reqwest::get(&other).await.unwrap();
    assert_eq!(refused.status(), 400);
    let (_, state) = address.query_pairs().find(|(name, _)| name == "state").unwrap();
    let denied = format!("{callback}?state={state}&error=access_denied");
    assert_eq!(reqwest::get(&denied).await.unwrap().status(), 200);
    let ended = waiting.end().with(5);
    assert!(ended.stderr.contains("access_denied"), "{ended:?}");

    let without = site.serve(&[]);
    let nobody = person(&without).run("login").with(6).stderr;
    assert!(nobody.contains("no login provider"), "{nobody}");
}
