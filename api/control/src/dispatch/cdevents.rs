//! What happens here in the words of [CDEvents](https://cdevents.dev/docs/), for those who speak no others.
//!
//! A run is a pipeline run, a verdict a run of a test suite, a waiver an approval, a released version a published
//! artifact. What `CDEvents` has no word for is an event of our own, as its
//! [specification](https://github.com/cdevents/spec/blob/v0.4.1/custom/README.md) has it.

use cdevents_sdk::latest::{
    approval_closed, approval_created, artifact_published, pipelinerun_finished,
    testsuiterun_finished,
};
use cdevents_sdk::{CDEvent, Content, NonEmptyString, Subject, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::events;
use crate::store::OutboxEvent;

/// What is not in a name as it is, [RFC 3986](https://www.rfc-editor.org/rfc/rfc3986#section-2.3).
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The event as a `CloudEvent` that carries a `CDEvent`:
/// <https://github.com/cdevents/spec/blob/v0.4.1/cloudevents-binding.md>.
pub(super) fn cloud_event(event: &OutboxEvent) -> Result<Value, String> {
    let source = format!("urn:uuid:{}", event.org);
    let subject = Subject::from(content(event)?)
        .with_id(text(&subject(event))?)
        .with_source(source.as_str().try_into().map_err(wrong)?);
    let told = CDEvent::from(subject)
        .with_id(text(&event.id.to_string())?)
        .with_source(source.as_str().try_into().map_err(wrong)?)
        .with_custom_data(json!({ "type": event.kind, "data": event.payload }))
        .with_custom_data_content_type("application/json".to_owned());
    let mut data = serde_json::to_value(&told).map_err(wrong)?;
    // The library takes the time of another clock than ours.
    if let Some(context) = data.pointer_mut("/context/timestamp") {
        *context = json!(event.created_at);
    }
    Ok(json!({
        "specversion": "1.0",
        "id": told.id().as_str(),
        "source": source,
        "type": told.ty(),
        "subject": told.subject().id().as_str(),
        "time": event.created_at,
        "datacontenttype": "application/json",
        "data": data,
    }))
}

/// What the event is about.
fn subject(event: &OutboxEvent) -> String {
    let payload = |member: &str| member_of(event, member);
    match events::name(&event.kind) {
        "version.released" => {
            // https://github.com/package-url/purl-spec/blob/main/types/generic-definition.md
            format!("pkg:generic/{}@{}", payload("project"), encoded(&payload("version")))
        }
        name => match name.split_once('.') {
            Some(("waiver", _)) => format!("urn:muster:waiver:{}", payload("waiver")),
            Some(("contract" | "gate", _)) => {
                let what = name.split_once('.').map_or(name, |(what, _)| what);
                format!("urn:muster:{what}:{}", payload(what))
            }
            Some(("attestation" | "verdict" | "run", _)) => {
                format!("urn:uuid:{}", payload("run"))
            }
            _ => format!("urn:uuid:{}", event.id),
        },
    }
}

fn content(event: &OutboxEvent) -> Result<Content, String> {
    use pipelinerun_finished::ContentOutcome as Ended;
    let name = events::name(&event.kind);
    Ok(match name {
        events::ATTESTATION_RECEIVED => ended(event, Ended::Success),
        "run.cancelled" => ended(event, Ended::Cancel),
        "run.failed" => ended(event, Ended::Failure),
        "run.expired" => ended(event, Ended::Error),
        "verdict.passed" | "verdict.failed" | "verdict.indeterminate" => judged(event, name)?,
        "version.released" => artifact_published::Content { sbom: None, user: None }.into(),
        "waiver.requested" => asked(event)?,
        "waiver.approved" | "waiver.rejected" | "waiver.revoked" => decided(event, name)?,
        _ => {
            let (subject, predicate) = name.split_once('.').unwrap_or(("event", name));
            let ty = format!("dev.cdeventsx.muster-{subject}.{predicate}.0.1.0");
            Content::Custom { ty, json: event.payload.clone() }
        }
    })
}

/// A run that is over, whatever was found in it.
fn ended(event: &OutboxEvent, outcome: pipelinerun_finished::ContentOutcome) -> Content {
    let workflow = event.payload.get("workflow").and_then(Value::as_str);
    let project = member_of(event, "project");
    let content = pipelinerun_finished::Content {
        errors: event.payload.get("reason").and_then(Value::as_str).map(ToOwned::to_owned),
        outcome: Some(outcome),
        pipeline_name: workflow.map(|workflow| format!("{project}/{workflow}")),
        uri: None,
    };
    content.into()
}

fn judged(event: &OutboxEvent, name: &str) -> Result<Content, String> {
    use testsuiterun_finished::{Content, ContentEnvironment, ContentOutcome, ContentTestSuite};
    let contract = member_of(event, "contract");
    let outcome = match name {
        "verdict.passed" => ContentOutcome::Success,
        "verdict.failed" => ContentOutcome::Failure,
        _ => ContentOutcome::Error,
    };
    let suite = ContentTestSuite {
        id: text(&format!("urn:muster:contract:{contract}"))?,
        name: Some(contract),
        uri: None,
        version: event.payload.get("contract_revision").map(Value::to_string),
    };
    let environment = ContentEnvironment { id: text("muster")?, source: None };
    let (reason, severity, test_suite) = (None, None, Some(suite));
    Ok(Content { environment, outcome, reason, severity, test_suite }.into())
}

fn asked(event: &OutboxEvent) -> Result<Content, String> {
    let content = approval_created::Content {
        approval_details_url: text(&subject(event))?,
        requestor: person(event, "requested_by")?,
        resource_target_url: text(&subject(event))?,
    };
    Ok(content.into())
}

fn decided(event: &OutboxEvent, name: &str) -> Result<Content, String> {
    use approval_closed::{Content, ContentDecision, ContentStatu};
    let (decision, status) = match name {
        "waiver.approved" => (ContentDecision::Approved, ContentStatu::Approved),
        "waiver.rejected" => (ContentDecision::Rejected, ContentStatu::Rejected),
        _ => (ContentDecision::Rejected, ContentStatu::Cancelled),
    };
    let content = Content {
        approval_details_url: text(&subject(event))?,
        decision,
        resource_target_url: text(&subject(event))?,
        responder: person(event, "decided_by")?,
        status,
    };
    Ok(content.into())
}

fn person(event: &OutboxEvent, member: &str) -> Result<Uri, String> {
    format!("urn:muster:token:{}", encoded(&member_of(event, member))).try_into().map_err(wrong)
}

fn member_of(event: &OutboxEvent, member: &str) -> String {
    let found = event.payload.get(member).and_then(Value::as_str);
    found.unwrap_or("unknown").to_owned()
}

/// As a part of a name must be.
fn encoded(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, &RESERVED)
}

fn text(text: &str) -> Result<NonEmptyString, String> {
    text.try_into().map_err(wrong)
}

fn wrong(error: impl std::fmt::Display) -> String {
    format!("the event has no form in CDEvents: {error}")
}
