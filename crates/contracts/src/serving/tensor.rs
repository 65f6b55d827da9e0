//! Tensors as they cross the ports: plain vectors with a shape, checked once against a specification.

use std::fmt;
use std::str::FromStr;

use pitcrew_kernel::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most dimensions a tensor may have.
pub const MAX_TENSOR_RANK: usize = 8;

/// The most elements a tensor may have (16 Mi: 64 MiB of `FP32`).
pub const MAX_TENSOR_ELEMENTS: usize = 1 << 24;

fn invalid(detail: String) -> Error {
    Error::invalid("SERVING_INPUT_INVALID", detail)
}

/// How many elements a tensor of this shape holds; a scalar (`[]`) holds one.
///
/// # Errors
/// `SERVING_INPUT_INVALID` for a negative dimension, more than [`MAX_TENSOR_RANK`] dimensions or more than [`MAX_TENSOR_ELEMENTS`] elements.
pub fn element_count(shape: &[i64]) -> Result<usize> {
    if shape.len() > MAX_TENSOR_RANK {
        return Err(invalid(format!("a shape of {} dimensions; at most {MAX_TENSOR_RANK}", shape.len())));
    }
    if let Some(wrong) = shape.iter().find(|dim| **dim < 0) {
        return Err(invalid(format!("dimension {wrong} in shape {shape:?}; a dimension is zero or more")));
    }
    // A zero anywhere empties the tensor, whatever the other dimensions say.
    if shape.contains(&0) {
        return Ok(0);
    }
    shape
        .iter()
        .try_fold(1usize, |count, dim| count.checked_mul(usize::try_from(*dim).ok()?))
        .filter(|count| *count <= MAX_TENSOR_ELEMENTS)
        .ok_or_else(|| invalid(format!("shape {shape:?} holds more than {MAX_TENSOR_ELEMENTS} elements")))
}

macro_rules! datatypes {
    ($($variant:ident $name:literal $bytes:literal $element:ty;)*) => {
        /// The type of a tensor's elements, with its name in the Open Inference Protocol.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Datatype {
            $(#[doc = concat!("`", $name, "`.")] $variant,)*
        }

        /// The elements of a tensor, row-major.
        #[derive(Debug, Clone, PartialEq)]
        pub enum TensorData {
            $(#[doc = concat!("`", $name, "`.")] $variant(Vec<$element>),)*
        }

        impl Datatype {
            /// Every datatype.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name in the Open Inference Protocol.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Bytes of one element; `None` for `BYTES`, whose elements differ in size.
            pub const fn element_bytes(self) -> Option<usize> {
                let bytes: usize = match self { $(Self::$variant => $bytes,)* };
                if bytes == 0 { None } else { Some(bytes) }
            }
        }

        impl TensorData {
            /// The type of the elements.
            pub const fn datatype(&self) -> Datatype {
                match self { $(Self::$variant(_) => Datatype::$variant,)* }
            }

            /// How many elements.
            pub fn len(&self) -> usize {
                match self { $(Self::$variant(values) => values.len(),)* }
            }

            /// `count` zeros (`false`, empty byte strings).
            pub fn zeros(datatype: Datatype, count: usize) -> Self {
                match datatype { $(Datatype::$variant => Self::$variant(vec![<$element>::default(); count]),)* }
            }
        }
    };
}

datatypes! {
    Bool "BOOL" 1 bool;
    U8 "UINT8" 1 u8;
    U16 "UINT16" 2 u16;
    U32 "UINT32" 4 u32;
    U64 "UINT64" 8 u64;
    I8 "INT8" 1 i8;
    I16 "INT16" 2 i16;
    I32 "INT32" 4 i32;
    I64 "INT64" 8 i64;
    F32 "FP32" 4 f32;
    F64 "FP64" 8 f64;
    Bytes "BYTES" 0 Vec<u8>;
}

impl TensorData {
    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements as `f64`: `BOOL` as 0 and 1, integers over 2^53 rounded; `None` for `BYTES`.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        fn each<T: Copy>(values: &[T], to: impl Fn(T) -> f64) -> Vec<f64> {
            values.iter().map(|value| to(*value)).collect()
        }
        Some(match self {
            Self::Bool(values) => each(values, |value| f64::from(u8::from(value))),
            Self::U8(values) => each(values, f64::from),
            Self::U16(values) => each(values, f64::from),
            Self::U32(values) => each(values, f64::from),
            Self::U64(values) => each(values, |value| value as f64),
            Self::I8(values) => each(values, f64::from),
            Self::I16(values) => each(values, f64::from),
            Self::I32(values) => each(values, f64::from),
            Self::I64(values) => each(values, |value| value as f64),
            Self::F32(values) => each(values, f64::from),
            Self::F64(values) => values.clone(),
            Self::Bytes(_) => return None,
        })
    }
}

impl fmt::Display for Datatype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Datatype {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|datatype| datatype.name() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|datatype| datatype.name()).collect();
            invalid(format!("`{text}` is not a datatype served here")).hint(format!("use one of {}", known.join(", ")))
        })
    }
}

impl Serialize for Datatype {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Datatype {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A tensor: elements, row-major, and their shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The type of the elements; the same as `data.datatype()`.
    pub datatype: Datatype,
    /// The size of each dimension; `[]` is a scalar.
    pub shape: Vec<i64>,
    /// The elements.
    pub data: TensorData,
}

impl Tensor {
    /// A tensor whose data fits its shape.
    ///
    /// # Errors
    /// `SERVING_INPUT_INVALID` when it does not, and as [`element_count`].
    pub fn new(shape: Vec<i64>, data: TensorData) -> Result<Self> {
        let expected = element_count(&shape)?;
        if data.len() != expected {
            return Err(invalid(format!("shape {shape:?} holds {expected} elements, but the data has {}", data.len())));
        }
        Ok(Self { datatype: data.datatype(), shape, data })
    }
}

/// What a model says of one of its inputs or outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Its name.
    pub name: String,
    /// The type of its elements.
    pub datatype: Datatype,
    /// The size of each dimension, -1 where it varies.
    pub shape: Vec<i64>,
}

impl TensorSpec {
    /// Checks that `tensor` may be fed here: datatype, rank, fixed dimensions and the number of elements. Values, NaN included, are the model's matter.
    ///
    /// # Errors
    /// `SERVING_INPUT_INVALID`, naming the input, what it takes and what came.
    pub fn check(&self, tensor: &Tensor) -> Result<()> {
        let name = &self.name;
        if tensor.datatype != self.datatype || tensor.data.datatype() != self.datatype {
            let got = if tensor.datatype == self.datatype { tensor.data.datatype() } else { tensor.datatype };
            return Err(invalid(format!("input `{name}` takes {}, got {got}", self.datatype)));
        }
        let fits = tensor.shape.len() == self.shape.len()
            && self.shape.iter().zip(&tensor.shape).all(|(want, got)| *want < 0 || want == got);
        if !fits {
            let hint = "-1 stands for any size; the first dimension is usually the number of rows";
            return Err(
                invalid(format!("input `{name}` takes shape {:?}, got {:?}", self.shape, tensor.shape)).hint(hint)
            );
        }
        let expected = element_count(&tensor.shape).map_err(|error| error.context(format!("input `{name}`")))?;
        if tensor.data.len() != expected {
            let got = tensor.data.len();
            return Err(invalid(format!(
                "input `{name}` of shape {:?} holds {expected} elements, got {got}",
                tensor.shape
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_never_overflows() {
        assert_eq!(element_count(&[]).unwrap(), 1);
        assert_eq!(element_count(&[3, 4]).unwrap(), 12);
        assert_eq!(element_count(&[i64::MAX, 0, i64::MAX]).unwrap(), 0);
        for wrong in [vec![-1, 2], vec![i64::MAX, i64::MAX], vec![1 << 25], vec![i64::MIN], vec![1; 9]] {
            assert_eq!(element_count(&wrong).unwrap_err().code(), "SERVING_INPUT_INVALID", "{wrong:?}");
        }
    }

    #[test]
    fn datatype_names_round_trip() {
        for datatype in Datatype::ALL {
            assert_eq!(datatype.to_string().parse::<Datatype>().unwrap(), *datatype);
            assert_eq!(TensorData::zeros(*datatype, 3).datatype(), *datatype);
        }
        assert!("FP16".parse::<Datatype>().is_err());
        assert!("fp32".parse::<Datatype>().is_err());
    }

    #[test]
    fn a_tensor_must_fit_its_specification() {
        let spec = TensorSpec { name: "temp".into(), datatype: Datatype::F32, shape: vec![-1, 1] };
        let ok = Tensor::new(vec![2, 1], TensorData::F32(vec![0.5, f32::NAN])).unwrap();
        spec.check(&ok).unwrap();
        let wrong = [
            Tensor { shape: vec![2], ..ok.clone() },
            Tensor { shape: vec![1, 2], ..ok.clone() },
            Tensor { shape: vec![3, 1], ..ok.clone() },
            Tensor { shape: vec![-2, 1], ..ok.clone() },
            Tensor { datatype: Datatype::F64, ..ok.clone() },
            Tensor { data: TensorData::I64(vec![1, 2]), ..ok },
        ];
        let sentences: Vec<_> = wrong.iter().map(|tensor| spec.check(tensor).unwrap_err().to_string()).collect();
        insta::assert_json_snapshot!(sentences);
    }
}
