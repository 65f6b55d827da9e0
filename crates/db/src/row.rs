//! Reading columns by position.

use pitcrew_kernel::{Error, Result, Timestamp};

/// One row of a result, of either database. Columns are read by position, from 0.
pub enum Row<'a> {
    #[doc(hidden)]
    Sqlite(&'a rusqlite::Row<'a>),
    #[doc(hidden)]
    Postgres(&'a ::postgres::Row),
}

impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Row")
    }
}

macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident, $opt:ident: $ty:ty;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// `INTERNAL` when the column is of another type or NULL.
        pub fn $name(&self, column: usize) -> Result<$ty> {
            match self {
                Row::Sqlite(row) => row.get(column).map_err(|e| wrong(column, e)),
                Row::Postgres(row) => row.try_get(column).map_err(|e| wrong(column, e)),
            }
        }

        $(#[$doc])*
        /// `None` for NULL.
        ///
        /// # Errors
        /// `INTERNAL` when the column is of another type.
        pub fn $opt(&self, column: usize) -> Result<Option<$ty>> {
            match self {
                Row::Sqlite(row) => row.get(column).map_err(|e| wrong(column, e)),
                Row::Postgres(row) => row.try_get(column).map_err(|e| wrong(column, e)),
            }
        }
    )*};
}

impl Row<'_> {
    getters! {
        #[doc = "A BIGINT."]
        int, opt_int: i64;
        #[doc = "A DOUBLE PRECISION."]
        float, opt_float: f64;
        #[doc = "A TEXT."]
        text, opt_text: String;
        #[doc = "A BLOB."]
        bytes, opt_bytes: Vec<u8>;
    }

    /// A BIGINT that is 0 or 1.
    ///
    /// # Errors
    /// `INTERNAL` when the column is of another type or NULL.
    pub fn flag(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    /// A BIGINT of microseconds.
    ///
    /// # Errors
    /// `INTERNAL` when the column is of another type or NULL.
    pub fn time(&self, column: usize) -> Result<Timestamp> {
        self.int(column).map(Timestamp::from_micros)
    }

    /// A BIGINT of microseconds or NULL.
    ///
    /// # Errors
    /// `INTERNAL` when the column is of another type.
    pub fn opt_time(&self, column: usize) -> Result<Option<Timestamp>> {
        Ok(self.opt_int(column)?.map(Timestamp::from_micros))
    }

    /// A TEXT that parses: an id, a name, a digest.
    ///
    /// # Errors
    /// `INTERNAL` when it is NULL or does not parse.
    pub fn parsed<T: std::str::FromStr<Err = Error>>(&self, column: usize) -> Result<T> {
        self.text(column)?.parse().map_err(|e: Error| wrong(column, e))
    }

    /// The same for a column that may be NULL.
    ///
    /// # Errors
    /// `INTERNAL` when it does not parse.
    pub fn opt_parsed<T: std::str::FromStr<Err = Error>>(&self, column: usize) -> Result<Option<T>> {
        self.opt_text(column)?.map(|text| text.parse().map_err(|e: Error| wrong(column, e))).transpose()
    }

    /// A TEXT that holds JSON.
    ///
    /// # Errors
    /// `INTERNAL` when it is NULL or does not read as `T`.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T> {
        serde_json::from_str(&self.text(column)?).map_err(|e| wrong(column, e))
    }
}

fn wrong(column: usize, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::internal(format!("column {column} of a query does not read as expected"), source)
}
