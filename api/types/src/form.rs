//! The forms of texts, as the `OpenAPI` document describes them.
//!
//! Nothing is made of these types: the engine reads and checks the texts, and a test of the document against a real server
//! holds the two together.
#![expect(dead_code, reason = "only their descriptions are used")]

use utoipa::ToSchema;

/// 1 to 63 lower-case letters, digits and hyphens, a letter or digit at both ends.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
pub struct Name(String);

/// `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, pattern = "^sha256:[0-9a-f]{64}$")]
pub struct Digest(String);

/// `PROJECT/WORKFLOW`, each a name.
#[derive(Debug, ToSchema)]
#[schema(
    value_type = String,
    pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
)]
pub struct WorkflowPath(String);

/// `PROJECT/WORKFLOW` with `*` for any text within a name.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, pattern = "^[a-z0-9*-]{1,63}/[a-z0-9*-]{1,63}$")]
pub struct Grant(String);

/// The version of a project: 1 to 128 letters, digits, `.`, `-`, `_` and `+`.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, pattern = "^[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,127}$")]
pub struct Version(String);
