//! `muster serve`: the control plane, until it is told to stop.

use api::{Options, Rate, Rates, Tls};
use control::{BlobsConfig, Config, Control, Credentials, Embedded, LoginProvider};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{Context, secrets};
use crate::args::ServeArgs;
use crate::environment::Environment;
use crate::exit::{Exit, Failure, Result};
use crate::telemetry::Telemetry;
use crate::{keys, memory};

pub(super) fn run(context: &Context, args: ServeArgs) -> Result {
    memory::give_back(&context.environment);
    let _telemetry = Telemetry::of_server(&context.environment, &context.terminal);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::unexpected("cannot start", error))?;
    runtime.block_on(serve(context, args))
}

async fn serve(context: &Context, args: ServeArgs) -> Result {
    args.check().map_err(Failure::usage)?;
    if args.print_config {
        context.terminal.data(&args.effective);
        return Ok(Exit::Success);
    }
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener
        .map_err(|error| Failure::usage(format!("cannot listen on {}: {error}", args.listen)))?;
    let tls = certificate(&args)?;
    let control = open(config(context, &args)?).await?;
    if let Some(secret) =
        control.bootstrap().await.map_err(|error| Failure::unexpected("cannot start", error))?
    {
        context.terminal.say(&format!("bootstrap token (shown once): {secret}"));
    }
    let address =
        listener.local_addr().map_err(|error| Failure::unexpected("cannot listen", error))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    context.terminal.say(&format!("listening on {scheme}://{address}"));
    let tended = control.clone();
    let tending = tokio::spawn(async move { tended.tend().await });
    let dispatching = control.clone();
    let (stop, told) = oneshot::channel();
    let told = async { told.await.unwrap_or_default() };
    let dispatching = tokio::spawn(async move { dispatching.dispatch(told).await });
    let options = Options { rates: rates(&args), tls: tls.clone(), ..Options::default() };
    let renewing = tokio::spawn(renew(args, tls));
    let served = api::serve(listener, control.clone(), options, stopped()).await;
    tending.abort();
    renewing.abort();
    drop(stop);
    let dispatched = dispatching.await;
    served.map_err(|error| Failure::unexpected("the server stopped", error))?;
    dispatched.map_err(|error| Failure::unexpected("deliveries stopped", error))?;
    control
        .close()
        .await
        .map_err(|error| Failure::unexpected("the database could not be closed", error))?;
    Ok(Exit::Success)
}

/// What the server proves itself by, if it speaks TLS.
fn certificate(args: &ServeArgs) -> Result<Option<Tls>> {
    let (Some(certificates), Some(key)) = (&args.tls_cert, &args.tls_key) else { return Ok(None) };
    let tls = Tls::new(keys::read(certificates)?.as_bytes(), keys::read(key)?.as_bytes());
    tls.map(Some).map_err(|error| {
        let (certificates, key) = (certificates.display(), key.display());
        Failure::usage(format!("{certificates} and {key}: {error}"))
    })
}

/// Reads the certificate again whenever the process is told to; what will not do is not taken.
async fn renew(args: ServeArgs, tls: Option<Tls>) {
    let (Some(tls), Some(certificates), Some(key)) = (tls, &args.tls_cert, &args.tls_key) else {
        return;
    };
    let hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
    let Ok(mut hangup) = hangup else { return };
    while hangup.recv().await.is_some() {
        let read = || Ok::<_, Failure>((keys::read(certificates)?, keys::read(key)?));
        let replaced = match read() {
            Ok((certificates, key)) => tls
                .replace(certificates.as_bytes(), key.as_bytes())
                .map_err(|error| error.to_string()),
            Err(failure) => Err(failure.message),
        };
        match replaced {
            Ok(()) => tracing::info!("the certificate was read again"),
            Err(error) => tracing::error!(error, "the certificate before stays"),
        }
    }
}

fn rates(args: &ServeArgs) -> Rates {
    Rates {
        token: Rate::per_second(args.rate_limit),
        anonymous: Rate::per_second(args.anonymous_rate_limit),
    }
}

/// Opens the control plane, and says what to do when that fails.
pub(super) async fn open(config: Config) -> Result<Control> {
    let opened = Control::open(config).await;
    opened.map_err(|error| match error {
        // What was configured, and the program did nothing of it.
        error @ control::Error::Invalid { .. } => Failure::usage(error.to_string()),
        error => Failure::caused("cannot open the control plane", &error),
    })
}

fn config(context: &Context, args: &ServeArgs) -> Result<Config> {
    let elsewhere = args.blobs.is_some() || args.blobs_registry.is_some();
    if args.database.is_none() || !elsewhere {
        std::fs::create_dir_all(&args.data).map_err(|error| {
            Failure::usage(format!("cannot use {}: {error}", args.data.display()))
        })?;
    }
    let blobs = place(args)?;
    let credentials = credentials(args, &blobs, &context.environment)?;
    let database = args.database.clone().unwrap_or_else(|| Embedded::new(&args.data).database());
    let embedded = args.database.is_none().then(|| Embedded::new(&args.data));
    let keys = secrets::ring(&args.secrets, &context.environment, embedded.as_ref())?;
    let private_hosts = args.allow_private_host.clone();
    let login = login(args);
    Ok(Config { keys, credentials, private_hosts, login, ..Config::new(database, blobs) })
}

/// Who says who people are, if anyone does.
fn login(args: &ServeArgs) -> Option<LoginProvider> {
    Some(LoginProvider {
        issuer: args.login_issuer.clone()?,
        client_id: args.login_client_id.clone()?,
        groups_claim: args.login_groups_claim.clone(),
    })
}

/// Where blobs are kept: in the data directory unless another place was named.
fn place(args: &ServeArgs) -> Result<BlobsConfig> {
    match (&args.blobs, &args.blobs_registry) {
        (Some(place), _) => Ok(place.clone()),
        (None, None) => Ok(Embedded::new(&args.data).blobs()),
        (None, Some(registry)) => {
            let Some((address, repository)) = registry.split_once('/') else {
                return Err(Failure::usage(format!("`{registry}` is not HOST[:PORT]/REPOSITORY")));
            };
            let (address, repository) = (address.to_owned(), repository.to_owned());
            Ok(BlobsConfig::Registry { address, repository, plain_http: args.plain_http })
        }
    }
}

/// What opens the place for blobs. What is in the file or the variable is not repeated in any message.
fn credentials(
    args: &ServeArgs,
    place: &BlobsConfig,
    environment: &Environment,
) -> Result<Option<Credentials>> {
    let variable = environment.get("MUSTER_BLOBS_CREDENTIALS").filter(|text| !text.is_empty());
    let (name, text) = match (&args.blobs_credentials_file, variable) {
        (Some(_), Some(_)) => {
            return Err(Failure::usage(
                "both --blobs-credentials-file and MUSTER_BLOBS_CREDENTIALS are given: use one of them",
            ));
        }
        (Some(file), None) => (file.display().to_string(), keys::read(file)?),
        (None, Some(text)) => ("MUSTER_BLOBS_CREDENTIALS".to_owned(), text.to_owned()),
        (None, None) => return Ok(of_machine(place, environment)),
    };
    let credentials = Credentials::parse(&text);
    credentials.map(Some).map_err(|error| Failure::usage(format!("{name}: {error}")))
}

/// What the machine has for a bucket: what AWS's own programs look for, and nothing that says where the bucket is.
fn of_machine(place: &BlobsConfig, environment: &Environment) -> Option<Credentials> {
    const VARIABLES: [&str; 9] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    ];
    let given = |name: &str| Some((name.to_owned(), environment.get(name)?.to_owned()));
    let bucket = matches!(place, BlobsConfig::S3(_));
    bucket.then(|| Credentials::Machine(VARIABLES.into_iter().filter_map(given).collect()))
}

/// Waits for Ctrl-C or a polite request to end.
pub(super) async fn stopped() {
    let interrupt = async { tokio::signal::ctrl_c().await.is_ok() };
    let mut terminate =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
    let terminated = async {
        match terminate.as_mut() {
            Some(signal) => signal.recv().await.is_some(),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupt => {}
        _ = terminated => {}
    }
}
