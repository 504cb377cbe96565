//! One trace from a CI job through the command and the server to the database.

use std::collections::BTreeMap;

use hex::encode;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use testdata::peers::{Received, Receiver, Reply};

use crate::site::Site;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const JOB: &str = "00f067aa0ba902b7";

/// The spans that were sent, of one service, each under its identifier.
fn spans(requests: &[Received], service: &str) -> BTreeMap<String, Span> {
    let exports = requests.iter().filter(|request| request.path == "/v1/traces");
    let resources = exports.flat_map(|request| {
        ExportTraceServiceRequest::decode(request.body.as_slice()).unwrap().resource_spans
    });
    let named = resources.filter(|one| {
        let attributes = &one.resource.as_ref().unwrap().attributes;
        attributes.iter().any(|it| {
            it.key == "service.name" && format!("{it:?}").contains(&format!("\"{service}\""))
        })
    });
    let spans = named.flat_map(|one| one.scope_spans).flat_map(|scope| scope.spans);
    spans.map(|span| (encode(&span.span_id), span)).collect()
}

#[test]
fn a_trace_goes_from_the_job_through_the_command_and_the_server_to_the_database() {
    for site in Site::all() {
        let collector = Receiver::start(|_| Reply::status(200));
        let endpoint = collector.url("");
        let otlp = ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str());
        let server = site.serve(&[otlp]);
        site.sandbox.write("app", "the application");
        let parent = format!("00-{TRACE}-{JOB}-01");
        let variables = [
            otlp,
            ("TRACEPARENT", parent.as_str()),
            ("MUSTER_SERVER", server.url.as_str()),
            ("MUSTER_TOKEN", site.owner.as_str()),
        ];
        let line = "attest --workflow web/release --key ci.pem app=app sbom=good.json";
        site.sandbox.run_with(&variables, line).with(0);
        // What a server did not send yet it sends when it ends.
        let (code, _log) = server.stop();
        assert_eq!(code, 0);
        let seen = collector.seen();
        let here = spans(&seen, "muster");
        let command = here.values().find(|span| span.name == "command").unwrap();
        assert_eq!(
            (encode(&command.trace_id), encode(&command.parent_span_id)),
            (TRACE.to_owned(), JOB.to_owned())
        );
        let there = spans(&seen, "muster-server");
        let ours = |span: &&Span| encode(&span.trace_id) == TRACE;
        let requests: Vec<&Span> =
            there.values().filter(ours).filter(|span| span.name == "request").collect();
        assert!(requests.len() >= 3, "to open, to store, to push: {}", requests.len());
        for request in &requests {
            assert_eq!(encode(&request.parent_span_id), encode(&command.span_id));
        }
        let statements: Vec<&Span> =
            there.values().filter(ours).filter(|span| span.name == "statement").collect();
        assert!(!statements.is_empty());
        for statement in statements {
            let mut above = statement;
            while let Some(parent) = there.get(&encode(&above.parent_span_id)) {
                above = parent;
            }
            assert_eq!(above.name, "request", "a statement of a request is below it");
        }
        let everything = format!("{seen:?}");
        assert!(!everything.contains("muster_pat_"), "no secret is traced");
    }
}

#[test]
fn nothing_is_sent_where_no_endpoint_is_named_and_a_dead_one_changes_no_outcome() {
    let site = Site::embedded();
    let server = site.serve(&[]);
    site.sandbox.write("app", "the application");
    let collector = Receiver::start(|_| Reply::status(200));
    site.run(&server, "workflow list").with(0);
    assert!(collector.seen().is_empty());
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{dead}")),
        ("MUSTER_SERVER", server.url.clone()),
        ("MUSTER_TOKEN", site.owner.clone()),
    ];
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let listed = site.sandbox.run_with(&variables, "workflow list").with(0);
    assert!(listed.stdout.contains("web/release"), "{listed:?}");
}
