//! Logs and traces of this process. Traces go to an [OTLP](https://opentelemetry.io/docs/specs/otlp/) endpoint where the
//! environment names one (`OTEL_EXPORTER_OTLP_ENDPOINT`); a command goes on with the trace of its CI job (`TRACEPARENT`).

use std::collections::HashMap;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{Context, global};
use opentelemetry_http::HeaderInjector;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use reqwest::header::HeaderMap;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

use crate::environment::Environment;
use crate::terminal::Terminal;

/// Where traces go, by the names that the specification gives.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// What is traced: requests, use cases and statements, not what libraries say about themselves.
const TRACED: &str = "info,control=debug,hyper=off,hyper_util=off,reqwest=off,opentelemetry=off";

/// The traces of this process. What was not sent yet is sent when this is dropped.
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Begins to trace a command, where an endpoint is named.
    pub(crate) fn of_command(environment: &Environment, terminal: &Terminal) -> Self {
        let telemetry = Self::new(environment, "muster", terminal);
        if let Some(traces) = telemetry.layer() {
            let _already_set = tracing_subscriber::registry().with(traces).try_init();
        }
        telemetry
    }

    /// Begins to log what a server does, on the standard error, and to trace it; `RUST_LOG` says how much is logged.
    pub(crate) fn of_server(environment: &Environment, terminal: &Terminal) -> Self {
        let telemetry = Self::new(environment, "muster-server", terminal);
        let logged = environment.get("RUST_LOG").unwrap_or("info,sqlx=warn,sea_orm=warn");
        let logs = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_filter(EnvFilter::new(logged));
        let registry = tracing_subscriber::registry().with(telemetry.layer()).with(logs);
        // A test that runs two servers in one process has set it already.
        let _already_set = registry.try_init();
        telemetry
    }

    fn new(environment: &Environment, service: &'static str, terminal: &Terminal) -> Self {
        if !ENDPOINTS.iter().any(|name| environment.has(name)) {
            return Self(None);
        }
        match provider(service) {
            Ok(provider) => {
                global::set_text_map_propagator(TraceContextPropagator::new());
                Self(Some(provider))
            }
            Err(error) => {
                terminal.say(&format!("warning: nothing is traced: {error}"));
                Self(None)
            }
        }
    }

    fn layer(&self) -> Option<impl Layer<Registry> + use<>> {
        let tracer = self.0.as_ref()?.tracer("muster");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        Some(layer.with_filter(EnvFilter::new(TRACED)))
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.0
            && let Err(error) = provider.shutdown()
        {
            // Whoever waits for the traces will miss them; the command did what it did.
            tracing::warn!(%error, "some traces were not sent");
        }
    }
}

fn provider(service: &'static str) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_http().build()?;
    let resource = Resource::builder().with_service_name(service).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// What carries the trace on with a request; nothing where nothing is traced.
pub(crate) fn onwards() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let here = Span::current().context();
    global::get_text_map_propagator(|it| {
        it.inject_context(&here, &mut HeaderInjector(&mut headers));
    });
    headers
}

/// The span of a command, in the trace of the job that runs it
/// ([W3C Trace Context](https://www.w3.org/TR/trace-context/)).
pub(crate) fn command(environment: &Environment, name: &str) -> Span {
    let span = tracing::info_span!("command", name);
    let carried: HashMap<String, String> = ["TRACEPARENT", "TRACESTATE"]
        .into_iter()
        .filter_map(|name| Some((name.to_lowercase(), environment.get(name)?.to_owned())))
        .collect();
    let parent: Context = global::get_text_map_propagator(|it| it.extract(&carried));
    // Fails where nothing is traced.
    let _untraced = span.set_parent(parent);
    span
}
