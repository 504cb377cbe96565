//! An identity token of the server's login provider for the person at this machine: in a browser, which comes back to the
//! loopback ([RFC 8252](https://www.rfc-editor.org/rfc/rfc8252)), with PKCE; or on another device
//! ([RFC 8628](https://www.rfc-editor.org/rfc/rfc8628)).

mod callback;

use std::time::Duration;

use api_types::LoginProvider;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use callback::Callback;
use engine::Digest;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::{
    AuthUrl, AuthorizationCode, Client, ClientId, CsrfToken, DeviceAuthorizationUrl,
    EmptyExtraDeviceAuthorizationFields, ExtraTokenFields, HttpRequest, HttpResponse,
    PkceCodeChallenge, RedirectUrl, RequestTokenError, Scope, StandardDeviceAuthorizationResponse,
    StandardRevocableToken, StandardTokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};

use crate::exit::{Exit, Failure, Result};
use crate::terminal::{Terminal, plain};

/// What is asked for. `groups` is asked for where the provider knows it.
const SCOPES: [&str; 3] = ["openid", "email", "profile"];
/// How long the person has.
const PATIENCE: Duration = Duration::from_mins(10);

/// What the provider said, and the secret behind its `nonce`.
pub(crate) struct Proof {
    pub(crate) id_token: String,
    pub(crate) secret: Option<String>,
}

/// Where the provider does what.
#[derive(Debug, Deserialize)]
struct Configuration {
    issuer: String,
    authorization_endpoint: AuthUrl,
    token_endpoint: TokenUrl,
    #[serde(default)]
    device_authorization_endpoint: Option<DeviceAuthorizationUrl>,
    #[serde(default)]
    scopes_supported: Vec<String>,
}

/// What comes with an access token, which nobody needs here.
#[derive(Debug, Serialize, Deserialize)]
struct WithIdentity {
    #[serde(default)]
    id_token: Option<String>,
}

impl ExtraTokenFields for WithIdentity {}

type Tokens = StandardTokenResponse<WithIdentity, BasicTokenType>;
type OidcClient = Client<
    BasicErrorResponse,
    Tokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;

/// A login provider, and who asks it.
pub(crate) struct Login {
    http: reqwest::Client,
    client_id: ClientId,
    configuration: Configuration,
}

impl Login {
    /// Asks the provider where it does what.
    pub(crate) async fn new(provider: LoginProvider) -> Result<Self> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
            .timeout(Duration::from_secs(30))
            // A code goes to the provider that was named, and to no other.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::unexpected("cannot make an HTTP client", error))?;
        let issuer = provider.issuer.trim_end_matches('/');
        let address = format!("{issuer}/.well-known/openid-configuration");
        let unreachable = |error: reqwest::Error| {
            Failure::new(Exit::TryAgain, format!("the login provider {issuer}: {error}"))
        };
        let answer = http.get(address).send().await.map_err(unreachable)?;
        let answer = answer.error_for_status().map_err(unreachable)?;
        let configuration: Configuration = answer.json().await.map_err(unreachable)?;
        if configuration.issuer != provider.issuer {
            return Err(Failure::usage(format!(
                "the login provider {issuer} says that it is {}",
                plain(&configuration.issuer)
            )));
        }
        Ok(Self { http, client_id: ClientId::new(provider.client_id), configuration })
    }

    /// Sends the person to a browser, and waits for it to come back.
    pub(crate) async fn in_browser(self, terminal: &Terminal) -> Result<Proof> {
        let callback = Callback::listen().await?;
        let redirect = RedirectUrl::new(callback.address())
            .map_err(|error| Failure::unexpected("cannot name the loopback", error))?;
        let client = OidcClient::new(self.client_id.clone())
            .set_auth_uri(self.configuration.authorization_endpoint.clone())
            .set_token_uri(self.configuration.token_endpoint.clone())
            .set_redirect_uri(redirect);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let secret = CsrfToken::new_random_len(32).into_secret();
        let nonce = URL_SAFE_NO_PAD.encode(Digest::of(&secret).as_bytes());
        let (address, state) = client
            .authorize_url(CsrfToken::new_random)
            .add_scopes(self.scopes())
            .add_extra_param("nonce", nonce)
            .set_pkce_challenge(challenge)
            .url();
        terminal.say(&format!(
            "open this address in a browser of this machine, and log in:\n\n  {address}\n"
        ));
        let code = tokio::time::timeout(PATIENCE, callback.code(state.secret())).await;
        let code = code.map_err(|_elapsed| Failure::new(Exit::TryAgain, "nobody logged in"))??;
        let asked = client.exchange_code(AuthorizationCode::new(code)).set_pkce_verifier(verifier);
        let http = |request| call(self.http.clone(), request);
        let tokens = asked.request_async(&http).await.map_err(|error| refused(&error))?;
        Ok(Proof { id_token: identity(&tokens)?, secret: Some(secret) })
    }

    /// Sends the person to any device, and asks until they logged in there.
    pub(crate) async fn on_device(self, terminal: &Terminal) -> Result<Proof> {
        let Some(device) = self.configuration.device_authorization_endpoint.clone() else {
            return Err(Failure::usage("the login provider knows no other devices")
                .with_hint("log in without --device"));
        };
        let client = OidcClient::new(self.client_id.clone())
            .set_device_authorization_url(device)
            .set_token_uri(self.configuration.token_endpoint.clone());
        let http = |request| call(self.http.clone(), request);
        let asked = client.exchange_device_code().add_scopes(self.scopes());
        let details: StandardDeviceAuthorizationResponse = asked
            .request_async::<_, EmptyExtraDeviceAuthorizationFields>(&http)
            .await
            .map_err(|error| refused(&error))?;
        terminal.say(&format!(
            "open {} on any device, log in, and confirm this code:\n\n  {}\n",
            plain(details.verification_uri().as_str()),
            plain(details.user_code().secret())
        ));
        let asked = client.exchange_device_access_token(&details);
        let tokens = asked.request_async(&http, tokio::time::sleep, Some(PATIENCE)).await;
        let tokens = tokens.map_err(|error| refused(&error))?;
        Ok(Proof { id_token: identity(&tokens)?, secret: None })
    }

    fn scopes(&self) -> Vec<Scope> {
        let groups = self.configuration.scopes_supported.iter().any(|scope| scope == "groups");
        let groups = groups.then_some("groups");
        SCOPES.into_iter().chain(groups).map(|scope| Scope::new(scope.to_owned())).collect()
    }
}

async fn call(
    http: reqwest::Client,
    request: HttpRequest,
) -> std::result::Result<HttpResponse, reqwest::Error> {
    let answer = http.execute(request.try_into()?).await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = HttpResponse::new(answer.bytes().await?.to_vec());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn identity(tokens: &Tokens) -> Result<String> {
    tokens.extra_fields().id_token.clone().ok_or_else(|| {
        Failure::usage("the login provider gave no identity token: is it an OpenID provider?")
    })
}

fn refused<E, T>(error: &RequestTokenError<E, T>) -> Failure
where
    E: std::error::Error + 'static,
    T: oauth2::ErrorResponse + std::fmt::Display + 'static,
{
    match error {
        RequestTokenError::ServerResponse(said) => Failure::new(
            Exit::Forbidden,
            format!("the login provider refused: {}", plain(&said.to_string())),
        ),
        RequestTokenError::Request(error) => {
            Failure::new(Exit::TryAgain, format!("the login provider cannot be reached: {error}"))
        }
        error => Failure::usage(format!(
            "the login provider answered something else: {}",
            plain(&error.to_string())
        )),
    }
}
