//! Where in which file a field stands.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// A file and the places of everything in it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) tree: Node,
}

impl Source {
    /// `file:line:column` of the field at `path`, or of the deepest of its parents that is there; `None` when the first part is not.
    pub(crate) fn place(&self, path: &[&str]) -> Option<String> {
        let mut node = &self.tree;
        let mut found = None;
        for part in path {
            let Some(next) = node.child(part) else { break };
            node = next;
            found = Some(node);
        }
        found.map(|node| format!("{}:{}:{}", self.file, node.0.referenced.line(), node.0.referenced.column()))
    }

    /// The field whose value starts at this place.
    pub(crate) fn field_at(&self, line: u64, column: u64) -> Option<String> {
        self.tree.path_to((line, column)).filter(|path| !path.is_empty()).map(|mut path| {
            path.reverse();
            path.join(".")
        })
    }

    /// How many parts of `path` are found in this file.
    pub(crate) fn depth(&self, path: &[&str]) -> usize {
        let mut node = &self.tree;
        for (depth, part) in path.iter().enumerate() {
            match node.child(part) {
                Some(next) => node = next,
                None => return depth,
            }
        }
        path.len()
    }
}

/// A YAML node with its place.
#[derive(Debug, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Node(Spanned<Shape>);

impl Node {
    /// The way to the innermost node that starts at this place, last part first.
    fn path_to(&self, place: (u64, u64)) -> Option<Vec<String>> {
        let below = |key: String, node: &Self| {
            node.path_to(place).map(|mut path| {
                path.push(key);
                path
            })
        };
        let inner = match &self.0.value {
            Shape::Map(map) => map.iter().find_map(|(key, node)| below(key.clone(), node)),
            Shape::Seq(items) => items.iter().enumerate().find_map(|(index, node)| below(index.to_string(), node)),
            Shape::Leaf => None,
        };
        let here = (self.0.referenced.line(), self.0.referenced.column()) == place;
        inner.or_else(|| here.then(Vec::new))
    }

    fn child(&self, part: &str) -> Option<&Self> {
        match &self.0.value {
            Shape::Map(map) => map.get(part),
            Shape::Seq(items) => items.get(part.parse::<usize>().ok()?),
            Shape::Leaf => None,
        }
    }
}

#[derive(Debug)]
enum Shape {
    Map(BTreeMap<String, Node>),
    Seq(Vec<Node>),
    Leaf,
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

macro_rules! leaves {
    ($($name:ident: $ty:ty),*) => {$(
        fn $name<E>(self, _: $ty) -> Result<Shape, E> { Ok(Shape::Leaf) }
    )*};
}

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    leaves!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str, visit_i128: i128, visit_u128: u128, visit_bytes: &[u8]);

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Leaf)
    }

    fn visit_none<E>(self) -> Result<Shape, E> {
        Ok(Shape::Leaf)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        Shape::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Shape::Seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, Node>()? {
            entries.insert(key, value);
        }
        Ok(Shape::Map(entries))
    }
}
