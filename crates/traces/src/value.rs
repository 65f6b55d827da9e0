//! Values of attributes: what OpenTelemetry can send, kept in its order, and their text as Python's JSON writes it.

use std::fmt::{self, Write as _};

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// A value of an attribute. Bytes come in as base64 text, and what is no number in JSON as its name.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Any {
    /// Nothing.
    #[default]
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number.
    Double(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Any>),
    /// Named values, in their order.
    Map(Vec<(String, Any)>),
}

impl Any {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entry of this name, if it is a map that has one.
    pub fn entry(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Double(value) => Some(*value),
            _ => None,
        }
    }

    /// A number, or the name of what JSON has no number for.
    pub fn number(value: f64) -> Self {
        match value {
            value if value.is_nan() => Self::Text("NaN".to_owned()),
            f64::INFINITY => Self::Text("Infinity".to_owned()),
            f64::NEG_INFINITY => Self::Text("-Infinity".to_owned()),
            value => Self::Double(value),
        }
    }

    /// Reads JSON.
    pub fn of_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Its JSON as Python writes it: a blank after each comma and colon.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    /// Appends its JSON.
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(value) => drop(write!(out, "{value}")),
            Self::Double(value) => drop(write!(out, "{value:?}")),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => write_list(items, out, |item, out| item.write_json(out)),
            Self::Map(entries) => {
                out.push('{');
                for (at, (key, value)) in entries.iter().enumerate() {
                    if at > 0 {
                        out.push_str(", ");
                    }
                    write_text(key, out);
                    out.push_str(": ");
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }
}

/// Appends `[...]` with a blank after each comma.
pub(crate) fn write_list<T>(items: &[T], out: &mut String, write: impl Fn(&T, &mut String)) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        write(item, out);
    }
    out.push(']');
}

/// Appends a text in quotes; what is not ASCII stays as it is.
pub(crate) fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

impl Serialize for Any {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Double(value) => serializer.serialize_f64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Any;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Any, E> {
        Ok(Any::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Any, E> {
        Ok(Any::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Any, E> {
        Ok(Any::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Any, E> {
        Ok(i64::try_from(value).map_or(Any::Double(value as f64), Any::Int))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Any, E> {
        Ok(Any::number(value))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Any, E> {
        Ok(Any::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Any, E> {
        Ok(Any::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Any, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Any::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Any, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Any::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Any> {
        let leaf = prop_oneof![
            Just(Any::Null),
            any::<bool>().prop_map(Any::Bool),
            any::<i64>().prop_map(Any::Int),
            (-1.0e9..1.0e9).prop_map(Any::Double),
            "\\PC{0,8}|[\"\\\\\n\t]{0,4}".prop_map(Any::Text),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Any::List),
                prop::collection::btree_map("[a-z]{1,3}", inner, 0..4)
                    .prop_map(|map| Any::Map(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_survives_both_ways_of_writing(value in values()) {
            prop_assert_eq!(&Any::of_json(&value.to_json()).unwrap(), &value);
            prop_assert_eq!(&Any::of_json(&serde_json::to_string(&value).unwrap()).unwrap(), &value);
        }
    }

    #[test]
    fn texts_are_those_of_python() {
        let value = Any::Map(vec![
            ("q".to_owned(), Any::Text("hé\n\u{1}".to_owned())),
            ("n".to_owned(), Any::List(vec![Any::Int(1), Any::Double(2.0), Any::Null])),
        ]);
        assert_eq!(value.to_json(), r#"{"q": "hé\n\u0001", "n": [1, 2.0, null]}"#);
        assert_eq!(Any::number(f64::NAN), Any::Text("NaN".to_owned()));
    }
}
