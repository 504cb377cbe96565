//! GraphQL over the use cases: the questions of release gates and auditors, answered in one round trip.
//!
//! Thin on purpose. Each type is a view over what [`control`] answers; there are no rules here, no SQL and no policy.
//! A document is bounded twice before it costs anything: [`guard`] counts tokens, aliases and the size that fragments
//! expand to in linear time before validation, and the schema limits depth, directives and the cost of lists.

mod artifact;
mod attestation;
mod audit;
mod contract;
mod cost;
mod error;
mod evaluation;
mod execute;
mod gate;
pub mod guard;
mod job;
mod lineage;
mod page;
mod query;
mod run;
mod scalar;
mod variables;
mod viewer;
mod workflow;

use async_graphql::{EmptyMutation, EmptySubscription};
pub use execute::{Answer, Question, Request, execute};
pub use query::Query;

/// The schema. Building it takes milliseconds and it has no data of its own: build one and share it.
pub type Schema = async_graphql::Schema<Query, EmptyMutation, EmptySubscription>;

/// Builds the schema with its limits.
pub fn schema() -> Schema {
    Schema::build(Query, EmptyMutation, EmptySubscription)
        .limit_depth(guard::DEPTH_MAX)
        .limit_complexity(cost::MAX)
        .limit_directives(guard::DIRECTIVES_MAX)
        .limit_recursive_depth(guard::NESTING_MAX)
        .finish()
}

/// The schema in the schema definition language, ending in a line feed.
pub fn sdl() -> String {
    let sdl = schema().sdl_with_options(
        async_graphql::SDLExportOptions::new().sorted_fields().sorted_enum_items(),
    );
    format!("{}\n", sdl.trim_end())
}

/// The page of `GraphiQL`, asking `endpoint`. It holds no data and no script of ours: the browser fetches `GraphiQL`
/// from `unpkg.com`, so that it needs access to the internet.
pub fn graphiql(endpoint: &str) -> String {
    async_graphql::http::GraphiQLSource::build().endpoint(endpoint).title("Muster").finish()
}
