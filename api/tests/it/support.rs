//! A server of the test's own on a free port.

use std::net::SocketAddr;

use api::{Options, Rates};
use control::{BlobsConfig, Config, Control, KeyRing, LoginProvider};
use engine::Limits;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use testdata::peers::Issuer;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running server with one organization, `acme`.
pub(crate) struct Server {
    pub client: Client,
    pub address: SocketAddr,
    /// The token of the instance.
    pub instance: String,
    /// A token of the organization with every scope.
    pub owner: String,
    /// Where people log in.
    pub issuer: Issuer,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
    folder: TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with_limits(Limits::DEFAULT).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        Self::with(limits, Rates::default()).await
    }

    pub(crate) async fn with(limits: Limits, rates: Rates) -> Self {
        Self::with_options(limits, Options { rates, ..Options::default() }).await
    }

    pub(crate) async fn with_options(limits: Limits, options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}?mode=rwc", folder.path().join("muster.db").display());
        let blobs = BlobsConfig::Directory(folder.path().join("blobs"));
        let keys = KeyRing::parse(&KeyRing::encode_key([1; 32])).ok();
        let private_hosts = vec!["127.0.0.1".to_owned()];
        let issuer = Issuer::start();
        let login = Some(LoginProvider {
            issuer: issuer.url(),
            client_id: "muster".to_owned(),
            groups_claim: "groups".to_owned(),
        });
        let config = Config { limits, keys, private_hosts, login, ..Config::new(database, blobs) };
        let control = Control::open(config).await.unwrap();
        let instance = control.bootstrap().await.unwrap().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move { stopped.await.unwrap_or_default() };
        let task = tokio::spawn(api::serve(listener, control, options, shutdown));
        let client = Client::builder().no_proxy().build().unwrap();
        let mut server =
            Self { client, address, instance, owner: String::new(), issuer, stop, task, folder };
        server.owner = server.organization("acme").await;
        server
    }

    /// Makes an organization and answers its first token.
    pub(crate) async fn organization(&self, name: &str) -> String {
        let made = self
            .ask(Method::POST, "/v1/organizations", &self.instance)
            .json(&json!({ "name": name }));
        let made = made.send().await.unwrap();
        assert_eq!(made.status(), 201);
        let body: Value = made.json().await.unwrap();
        body["token"]["secret"].as_str().unwrap().to_owned()
    }

    /// A token of the organization with only these scopes.
    pub(crate) async fn token(&self, name: &str, scopes: &[&str]) -> String {
        let body = json!({ "name": name, "scopes": scopes });
        let made =
            self.ask(Method::POST, "/v1/tokens", &self.owner).json(&body).send().await.unwrap();
        assert_eq!(made.status(), 201);
        let body: Value = made.json().await.unwrap();
        body["secret"].as_str().unwrap().to_owned()
    }

    /// What the login provider says of somebody who just logged in there.
    pub(crate) fn identity(&self, email: &str) -> String {
        self.issuer.token(&json!({ "sub": email, "email": email, "email_verified": true }))
    }

    /// The session of a person who is that in `acme`.
    pub(crate) async fn session(&self, role: &str) -> String {
        let email = format!("{role}@acme.test");
        let invitation = json!({ "email": email, "role": role });
        let path = "/v1/organizations/acme/invitations";
        let invited = self.ask(Method::POST, path, &self.instance).json(&invitation);
        assert_eq!(invited.send().await.unwrap().status(), 201);
        let body = json!({ "id_token": self.identity(&email) });
        let begun = self.anonymous(Method::POST, "/v1/sessions").json(&body).send().await.unwrap();
        assert_eq!(begun.status(), 201);
        let body: Value = begun.json().await.unwrap();
        assert_eq!((&body["organization"], &body["role"]), (&json!("acme"), &json!(role)));
        body["secret"].as_str().unwrap().to_owned()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Where its blobs are.
    pub(crate) fn blobs_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("blobs")
    }

    /// A request without credentials.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// A request with a token.
    pub(crate) fn ask(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(token)
    }

    /// Stops it and waits until it did.
    pub(crate) async fn stop(self) {
        let Self { stop, task, client, folder, .. } = self;
        drop(client);
        stop.send(()).unwrap();
        task.await.unwrap().unwrap();
        drop(folder);
    }
}

/// The code of a response that must be a problem, after looking at its shape.
pub(crate) async fn problem(response: Response) -> Value {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/problem+json");
    assert!(headers.contains_key("x-request-id"));
    assert_eq!(headers.contains_key("www-authenticate"), status == 401, "{status}");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    assert_eq!(body["request_id"], headers["x-request-id"].to_str().unwrap());
    assert_eq!(
        body["type"],
        format!("https://muster.dev/problems/{}", body["code"].as_str().unwrap())
    );
    body
}
