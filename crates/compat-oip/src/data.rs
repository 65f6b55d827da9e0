//! The `data` of a tensor: JSON numbers, flat or nested, into vectors without anything between.

use std::fmt;
use std::marker::PhantomData;

use pitcrew_contracts::serving::{Datatype, MAX_TENSOR_ELEMENTS, MAX_TENSOR_RANK, TensorData};
use pitcrew_kernel::{Error, Result};
use serde::de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor};

/// Reads the elements of a tensor of this type and shape. `null` is a missing number (NaN) in `FP32` and `FP64` and an error elsewhere.
///
/// # Errors
/// `SERVING_INPUT_INVALID`, naming the tensor and what is wrong with it.
pub(crate) fn parse(name: &str, json: &str, datatype: Datatype, shape: &[i64]) -> Result<TensorData> {
    let read = match datatype {
        Datatype::Bool => elements(json, shape).map(TensorData::Bool),
        Datatype::U8 => elements(json, shape).map(TensorData::U8),
        Datatype::U16 => elements(json, shape).map(TensorData::U16),
        Datatype::U32 => elements(json, shape).map(TensorData::U32),
        Datatype::U64 => elements(json, shape).map(TensorData::U64),
        Datatype::I8 => elements(json, shape).map(TensorData::I8),
        Datatype::I16 => elements(json, shape).map(TensorData::I16),
        Datatype::I32 => elements(json, shape).map(TensorData::I32),
        Datatype::I64 => elements(json, shape).map(TensorData::I64),
        Datatype::F32 => elements(json, shape).map(TensorData::F32),
        Datatype::F64 => elements(json, shape).map(TensorData::F64),
        Datatype::Bytes => elements(json, shape).map(TensorData::Bytes),
    };
    read.map_err(|error| {
        Error::invalid("SERVING_INPUT_INVALID", format!("input `{name}` of {datatype}: {error}"))
            .hint("`data` is the elements in row-major order, flat or nested like `shape`")
    })
}

/// The shape that nested data has.
///
/// # Errors
/// What is wrong with the nesting.
pub(crate) fn shape(json: &str) -> serde_json::Result<Vec<i64>> {
    let mut reading: Reading<Anything> = Reading { values: Vec::new(), lengths: Vec::new() };
    let mut source = serde_json::Deserializer::from_str(json);
    Nested { reading: &mut reading, depth: 0 }.deserialize(&mut source)?;
    source.end()?;
    Ok(reading.lengths.into_iter().map(|length| i64::try_from(length).unwrap_or(i64::MAX)).collect())
}

/// An element of any type: only where it stands matters.
struct Anything;

impl Element for Anything {
    const WHAT: &'static str = "a value";

    fn of_bool(_: bool) -> Option<Self> {
        Some(Self)
    }
    fn of_int(_: i128) -> Option<Self> {
        Some(Self)
    }
    fn of_float(_: f64) -> Option<Self> {
        Some(Self)
    }
    fn of_text(_: &str) -> Option<Self> {
        Some(Self)
    }
    fn missing() -> Option<Self> {
        Some(Self)
    }
}

fn elements<T: Element>(json: &str, shape: &[i64]) -> serde_json::Result<Vec<T>> {
    let expected: usize = shape.iter().map(|dim| usize::try_from(*dim).unwrap_or(0)).fold(1, usize::saturating_mul);
    let mut reading =
        Reading { values: Vec::with_capacity(expected.min(MAX_TENSOR_ELEMENTS).min(json.len())), lengths: Vec::new() };
    let mut source = serde_json::Deserializer::from_str(json);
    Nested { reading: &mut reading, depth: 0 }.deserialize(&mut source)?;
    source.end()?;
    let Reading { values, lengths } = reading;
    let nested = lengths.len() > 1;
    let fits = shape.iter().zip(&lengths).all(|(dim, found)| usize::try_from(*dim) == Ok(*found));
    if nested && !(fits && lengths.len() == shape.len()) {
        return Err(de::Error::custom(format!("the data is nested like {lengths:?}, the shape is {shape:?}")));
    }
    Ok(values)
}

/// What an element is made of.
trait Element: Sized {
    const WHAT: &'static str;

    fn of_bool(_: bool) -> Option<Self> {
        None
    }
    fn of_int(_: i128) -> Option<Self> {
        None
    }
    fn of_float(_: f64) -> Option<Self> {
        None
    }
    fn of_text(_: &str) -> Option<Self> {
        None
    }
    fn missing() -> Option<Self> {
        None
    }
}

macro_rules! integers {
    ($($ty:ty)*) => {$(
        impl Element for $ty {
            const WHAT: &'static str = concat!("an integer that fits ", stringify!($ty));

            fn of_int(value: i128) -> Option<Self> {
                Self::try_from(value).ok()
            }
        }
    )*};
}

integers! { u8 u16 u32 u64 i8 i16 i32 i64 }

impl Element for bool {
    const WHAT: &'static str = "`true` or `false`";

    fn of_bool(value: bool) -> Option<Self> {
        Some(value)
    }
}

impl Element for f32 {
    const WHAT: &'static str = "a number, or `null` for a missing one";

    fn of_int(value: i128) -> Option<Self> {
        Some(value as Self)
    }

    fn of_float(value: f64) -> Option<Self> {
        Some(value as Self).filter(|value| value.is_finite())
    }

    fn missing() -> Option<Self> {
        Some(Self::NAN)
    }
}

impl Element for f64 {
    const WHAT: &'static str = "a number, or `null` for a missing one";

    fn of_int(value: i128) -> Option<Self> {
        Some(value as Self)
    }

    fn of_float(value: f64) -> Option<Self> {
        Some(value)
    }

    fn missing() -> Option<Self> {
        Some(Self::NAN)
    }
}

impl Element for Vec<u8> {
    const WHAT: &'static str = "a text";

    fn of_text(value: &str) -> Option<Self> {
        Some(value.as_bytes().to_vec())
    }
}

struct Reading<T> {
    values: Vec<T>,
    /// The length of the arrays at each depth; all of one depth are equal.
    lengths: Vec<usize>,
}

/// An array, or an element when `depth` says that one may stand here.
struct Nested<'r, T> {
    reading: &'r mut Reading<T>,
    depth: usize,
}

impl<'de, T: Element> DeserializeSeed<'de> for Nested<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(Look { nested: self, element: PhantomData })
    }
}

struct Look<'r, T> {
    nested: Nested<'r, T>,
    element: PhantomData<T>,
}

impl<T: Element> Look<'_, T> {
    fn push<E: de::Error>(self, value: Option<T>, found: de::Unexpected<'_>) -> Result<(), E> {
        if self.nested.depth == 0 {
            return Err(E::custom(format!("the data is {found}, not an array")));
        }
        let Some(value) = value else {
            return Err(E::custom(format!("element {} is {found}, not {}", self.nested.reading.values.len(), T::WHAT)));
        };
        if self.nested.depth != self.nested.reading.lengths.len() {
            return Err(E::custom("numbers and arrays stand side by side"));
        }
        if self.nested.reading.values.len() >= MAX_TENSOR_ELEMENTS {
            return Err(E::custom(format!("more than {MAX_TENSOR_ELEMENTS} elements")));
        }
        self.nested.reading.values.push(value);
        Ok(())
    }
}

impl<'de, T: Element> Visitor<'de> for Look<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.nested.depth == 0 { "an array" } else { T::WHAT })
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.push(T::of_bool(value), de::Unexpected::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.push(T::of_int(value.into()), de::Unexpected::Signed(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.push(T::of_int(value.into()), de::Unexpected::Unsigned(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        self.push(T::of_float(value), de::Unexpected::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        self.push(T::of_text(value), de::Unexpected::Str(value))
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.push(T::missing(), de::Unexpected::Other("`null`"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        use serde::de::Error as _;
        let Nested { reading, depth } = self.nested;
        if depth >= MAX_TENSOR_RANK {
            return Err(A::Error::custom(format!("arrays nested deeper than {MAX_TENSOR_RANK}")));
        }
        let first = reading.lengths.len() == depth;
        if first {
            if !reading.values.is_empty() {
                return Err(A::Error::custom("numbers and arrays stand side by side"));
            }
            reading.lengths.push(0);
        }
        let mut length = 0;
        while seq.next_element_seed(Nested { reading: &mut *reading, depth: depth + 1 })?.is_some() {
            length += 1;
        }
        if first {
            reading.lengths[depth] = length;
        } else if reading.lengths[depth] != length {
            return Err(A::Error::custom(format!(
                "rows of {} and of {length} elements stand side by side",
                reading.lengths[depth]
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn floats(json: &str, shape: &[i64]) -> Result<TensorData> {
        parse("x", json, Datatype::F32, shape)
    }

    #[test]
    fn flat_and_nested_data_are_the_same() {
        let flat = floats("[1, 2.5, null, -4]", &[2, 2]).unwrap();
        let nested = floats("[[1, 2.5], [null, -4]]", &[2, 2]).unwrap();
        assert_eq!(format!("{flat:?}"), format!("{nested:?}"));
        assert_eq!(format!("{flat:?}"), "F32([1.0, 2.5, NaN, -4.0])");
    }

    #[test]
    fn wrong_data_is_told_precisely() {
        let cases = [
            ("[1, true]", Datatype::F32, vec![2]),
            ("[1, \"a\"]", Datatype::F32, vec![2]),
            ("[1, 1e39]", Datatype::F32, vec![2]),
            ("[null]", Datatype::I64, vec![1]),
            ("[1.5]", Datatype::I64, vec![1]),
            ("[256]", Datatype::U8, vec![1]),
            ("[1]", Datatype::Bool, vec![1]),
            ("[7]", Datatype::Bytes, vec![1]),
            ("[[1, 2], [3]]", Datatype::F32, vec![2, 2]),
            ("[[1, 2], 3]", Datatype::F32, vec![3]),
            ("[1, [2, 3]]", Datatype::F32, vec![3]),
            ("[[1, 2]]", Datatype::F32, vec![2, 1]),
            ("[[[1, 2]]]", Datatype::F32, vec![1, 2]),
            ("7", Datatype::F32, vec![1]),
            ("{}", Datatype::F32, vec![1]),
            ("[[[[[[[[[1]]]]]]]]]", Datatype::F32, vec![1]),
        ];
        let sentences: Vec<String> = cases
            .iter()
            .map(|(json, datatype, shape)| parse("x", json, *datatype, shape).unwrap_err().to_string())
            .collect();
        insta::assert_json_snapshot!(sentences);
    }

    #[test]
    fn every_datatype_reads() {
        for (json, datatype) in [
            ("[true, false]", Datatype::Bool),
            ("[0, 255]", Datatype::U8),
            ("[0, 65535]", Datatype::U16),
            ("[0, 4294967295]", Datatype::U32),
            ("[0, 18446744073709551615]", Datatype::U64),
            ("[-128, 127]", Datatype::I8),
            ("[-32768, 32767]", Datatype::I16),
            ("[-2147483648, 2147483647]", Datatype::I32),
            ("[-9223372036854775808, 9223372036854775807]", Datatype::I64),
            ("[1, null]", Datatype::F64),
            ("[\"a\", \"\\u00e9\"]", Datatype::Bytes),
        ] {
            let data = parse("x", json, datatype, &[2]).unwrap();
            assert_eq!((data.datatype(), data.len()), (datatype, 2));
        }
    }

    proptest! {
        #[test]
        fn what_serde_wrote_reads_back(values in prop::collection::vec(prop::num::f32::NORMAL, 0..50)) {
            let json = serde_json::to_string(&values).unwrap();
            prop_assert_eq!(floats(&json, &[values.len() as i64]).unwrap(), TensorData::F32(values));
        }

        #[test]
        fn strange_data_never_panics(json in "[\\[\\]0-9, \\-.nulltrefas\"{}:]{0,40}") {
            let _ = floats(&json, &[2]);
        }
    }
}
