//! A bill of materials whose long lists are checked element by element.
//!
//! The generated types hold every field there is: a component takes some 5 kB whatever it says, and a list of 60,000
//! took fifteen times as much memory as its text. So each element is read as its type, and forgotten.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{CowStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_cyclonedx::cyclonedx::{v_1_4, v_1_5, v_1_6};

/// The types of the elements that one version has in its long lists.
pub(super) trait Version {
    /// The document.
    type Document: for<'de> Deserialize<'de>;
    /// An element of `components`.
    type Component: for<'de> Deserialize<'de>;
    /// An element of `services`.
    type Service: for<'de> Deserialize<'de>;
    /// An element of `dependencies`.
    type Dependency: for<'de> Deserialize<'de>;
    /// An element of `vulnerabilities`.
    type Vulnerability: for<'de> Deserialize<'de>;
}

macro_rules! version {
    ($name:ident, $types:ident) => {
        pub(super) struct $name;

        impl Version for $name {
            type Document = $types::CycloneDx;
            type Component = $types::Component;
            type Service = $types::Service;
            type Dependency = $types::Dependency;
            type Vulnerability = $types::Vulnerability;
        }
    };
}

version!(V1_4, v_1_4);
version!(V1_5, v_1_5);
version!(V1_6, v_1_6);

/// A document that has the structure of its version.
pub(super) struct Streamed<V>(PhantomData<V>);

impl<'de, V: Version> Deserialize<'de> for Streamed<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DocumentVisitor(PhantomData))
    }
}

struct DocumentVisitor<V>(PhantomData<V>);

impl<'de, V: Version> Visitor<'de> for DocumentVisitor<V> {
    type Value = Streamed<V>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a bill of materials")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let rest = Rest { map, version: PhantomData::<V> };
        V::Document::deserialize(MapAccessDeserializer::new(rest))?;
        Ok(Streamed(PhantomData))
    }
}

/// The document without its long lists, each of which is checked where it stands.
struct Rest<A, V> {
    map: A,
    version: PhantomData<V>,
}

impl<'de, A: MapAccess<'de>, V: Version> MapAccess<'de> for Rest<A, V> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<Cow<'de, str>>()? {
            let Self { map, .. } = self;
            match key.as_ref() {
                "components" => map.next_value::<Each<V::Component>>().map(|_each| ())?,
                "services" => map.next_value::<Each<V::Service>>().map(|_each| ())?,
                "dependencies" => map.next_value::<Each<V::Dependency>>().map(|_each| ())?,
                "vulnerabilities" => map.next_value::<Each<V::Vulnerability>>().map(|_each| ())?,
                _ => return seed.deserialize(CowStrDeserializer::new(key)).map(Some),
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// A list, or `null`, whose elements are all of a type.
struct Each<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Each<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(Self(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Each<T> {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a sequence")
    }

    fn visit_none<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<T>()?.is_some() {}
        Ok(self)
    }
}
