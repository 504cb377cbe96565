//! The part of a bill of materials that rules and facts need, borrowed from the bytes.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A text that is copied only when it has escapes.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A list that may be absent or, as some tools write it, `null`; the types judge which one is allowed.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[derive(Deserialize)]
pub(super) struct Bom<'a> {
    #[serde(borrow, rename = "specVersion")]
    pub(super) spec_version: Option<Text<'a>>,
    #[serde(borrow, rename = "serialNumber")]
    pub(super) serial_number: Option<Text<'a>>,
    pub(super) version: Option<i64>,
    #[serde(borrow)]
    pub(super) metadata: Option<Metadata<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) components: Vec<Component<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) services: Vec<Service<'a>>,
    #[serde(default, deserialize_with = "list")]
    pub(super) dependencies: Vec<IgnoredAny>,
    #[serde(default, deserialize_with = "list")]
    pub(super) vulnerabilities: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub(super) timestamp: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) component: Option<Component<'a>>,
    #[serde(borrow, default, deserialize_with = "tools")]
    pub(super) tools: Vec<Tool<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) licenses: Vec<LicenseChoice<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Component<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) type_: Option<Text<'a>>,
    #[serde(borrow, rename = "bom-ref")]
    pub(super) bom_ref: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) scope: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) licenses: Vec<LicenseChoice<'a>>,
    #[serde(borrow)]
    pub(super) evidence: Option<ComponentEvidence<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) components: Vec<Self>,
}

#[derive(Deserialize)]
pub(super) struct ComponentEvidence<'a> {
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) licenses: Vec<LicenseChoice<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Service<'a> {
    #[serde(borrow, rename = "bom-ref")]
    pub(super) bom_ref: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) licenses: Vec<LicenseChoice<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) services: Vec<Self>,
}

#[derive(Deserialize)]
pub(super) struct LicenseChoice<'a> {
    #[serde(borrow)]
    pub(super) license: Option<License<'a>>,
}

#[derive(Deserialize)]
pub(super) struct License<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Tool<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) version: Option<Text<'a>>,
}

impl Bom<'_> {
    /// How many components there are, nested ones included.
    pub(super) fn components_deep(&self) -> usize {
        count(&self.components)
    }
}

fn count(components: &[Component<'_>]) -> usize {
    components.iter().map(|component| count(&component.components).saturating_add(1)).sum()
}

/// Tools are a list of tools up to 1.4, and may be an object of components and services since.
fn tools<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Tool<'de>>, D::Error> {
    deserializer.deserialize_any(Tools)
}

struct Tools;

impl<'de> Visitor<'de> for Tools {
    type Value = Vec<Tool<'de>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of tools, or an object of components and services")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut tools = Vec::new();
        while let Some(tool) = seq.next_element()? {
            tools.push(tool);
        }
        Ok(tools)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut tools = Vec::new();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if &*key == "components" {
                tools = map.next_value::<Option<Vec<Tool<'de>>>>()?.unwrap_or_default();
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(tools)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
}
