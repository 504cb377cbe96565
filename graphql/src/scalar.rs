//! Scalars: digests, times and counts larger than GraphQL's `Int`.

use async_graphql::{InputType, InputValueError, InputValueResult, Scalar, ScalarType, Value};

/// A content address, `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Digest(pub(crate) engine::Digest);

/// A point in time, RFC 3339 in UTC.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timestamp(pub(crate) engine::Timestamp);

/// A whole number from 0 to 2^64 - 1: log sequence numbers and sizes in bytes. `Int` ends at 2^31 - 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UInt64(pub(crate) u64);

/// A content address, `sha256:` and 64 lower-case hexadecimal digits.
#[Scalar(
    specified_by_url = "https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests"
)]
impl ScalarType for Digest {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => text.parse().map(Self).map_err(wrong),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A point in time, RFC 3339 in UTC.
#[Scalar(specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339")]
impl ScalarType for Timestamp {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => text.parse().map(Self).map_err(wrong),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A whole number from 0 to 2^64 - 1: log sequence numbers and sizes in bytes. `Int` ends at 2^31 - 1.
#[Scalar(name = "UInt64")]
impl ScalarType for UInt64 {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => {
                number.as_u64().map(Self).ok_or_else(|| InputValueError::expected_type(value))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Number(self.0.into())
    }
}

fn wrong<T: InputType>(error: impl std::error::Error) -> InputValueError<T> {
    InputValueError::custom(error.to_string()).with_extension(crate::error::CODE, "invalid")
}
