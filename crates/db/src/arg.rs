//! Values bound to placeholders.

use std::borrow::Cow;
use std::error::Error as StdError;

use ::postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use pitcrew_kernel::{Digest, Timestamp};

/// A bound value. NULL carries a type because PostgreSQL wants to know.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg<'a> {
    /// BIGINT.
    Int(Option<i64>),
    /// DOUBLE PRECISION. NaN is kept as NULL: SQLite has none.
    Float(Option<f64>),
    /// TEXT.
    Text(Option<Cow<'a, str>>),
    /// BLOB.
    Bytes(Option<Cow<'a, [u8]>>),
}

impl<'a> Arg<'a> {
    /// An id, name or anything else that prints, as TEXT.
    pub fn show(value: &impl ToString) -> Arg<'static> {
        Arg::Text(Some(Cow::Owned(value.to_string())))
    }

    /// The same for an optional one.
    pub fn show_opt(value: Option<&impl ToString>) -> Arg<'static> {
        Arg::Text(value.map(|value| Cow::Owned(value.to_string())))
    }

    /// Borrowed bytes.
    pub fn bytes(value: &'a [u8]) -> Self {
        Arg::Bytes(Some(Cow::Borrowed(value)))
    }
}

macro_rules! from {
    ($($ty:ty => |$v:ident| $arg:expr;)*) => {$(
        impl<'a> From<$ty> for Arg<'a> {
            fn from($v: $ty) -> Self { $arg }
        }
    )*};
}

from! {
    i64 => |v| Arg::Int(Some(v));
    i32 => |v| Arg::Int(Some(i64::from(v)));
    u32 => |v| Arg::Int(Some(i64::from(v)));
    bool => |v| Arg::Int(Some(i64::from(v)));
    Option<i64> => |v| Arg::Int(v);
    f64 => |v| Arg::Float(Some(v));
    Option<f64> => |v| Arg::Float(v);
    &'a str => |v| Arg::Text(Some(Cow::Borrowed(v)));
    &'a String => |v| Arg::Text(Some(Cow::Borrowed(v)));
    String => |v| Arg::Text(Some(Cow::Owned(v)));
    Option<&'a str> => |v| Arg::Text(v.map(Cow::Borrowed));
    Option<String> => |v| Arg::Text(v.map(Cow::Owned));
    Timestamp => |v| Arg::Int(Some(v.micros()));
    Option<Timestamp> => |v| Arg::Int(v.map(Timestamp::micros));
    Digest => |v| Arg::Text(Some(Cow::Owned(v.to_string())));
    Option<Digest> => |v| Arg::Text(v.map(|v| Cow::Owned(v.to_string())));
}

impl rusqlite::ToSql for Arg<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, Value, ValueRef};
        Ok(match self {
            Arg::Int(Some(value)) => ToSqlOutput::Owned(Value::Integer(*value)),
            Arg::Float(Some(value)) => ToSqlOutput::Owned(Value::Real(*value)),
            Arg::Text(Some(value)) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
            Arg::Bytes(Some(value)) => ToSqlOutput::Borrowed(ValueRef::Blob(value)),
            Arg::Int(None) | Arg::Float(None) | Arg::Text(None) | Arg::Bytes(None) => ToSqlOutput::Owned(Value::Null),
        })
    }
}

impl ToSql for Arg<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Arg::Int(Some(value)) if *ty == Type::FLOAT8 => (*value as f64).to_sql(ty, out),
            Arg::Int(Some(value)) if *ty == Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
            Arg::Int(Some(value)) => value.to_sql(ty, out),
            Arg::Float(Some(value)) if value.is_nan() => Ok(IsNull::Yes),
            Arg::Float(Some(value)) => value.to_sql(ty, out),
            Arg::Text(Some(value)) => value.as_ref().to_sql(ty, out),
            Arg::Bytes(Some(value)) => value.as_ref().to_sql(ty, out),
            Arg::Int(None) | Arg::Float(None) | Arg::Text(None) | Arg::Bytes(None) => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
