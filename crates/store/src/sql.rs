//! Parameters going in, rows coming out: the few types that both databases store alike.
//!
//! `i64`, `f64`, text, and their options. Booleans are 0/1, instants are milliseconds UTC; dates,
//! JSON and digests are text. Nothing else passes, so a statement that works on SQLite works on
//! PostgreSQL.

use jiff::Timestamp;
use mamori_kernel::merkle::Digest;
use sqlx::Row as _;
use sqlx::any::{AnyArguments, AnyRow};

use crate::error::{Error, Result};

/// One parameter of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    /// INTEGER / BIGINT.
    Int(Option<i64>),
    /// REAL / DOUBLE PRECISION.
    Real(Option<f64>),
    /// TEXT.
    Text(Option<String>),
}

macro_rules! arg_from {
    ($($from:ty, $value:ident => $arg:expr, $some:expr;)*) => {$(
        impl From<$from> for Arg {
            fn from($value: $from) -> Self {
                $arg(Some($some))
            }
        }

        impl From<Option<$from>> for Arg {
            fn from(value: Option<$from>) -> Self {
                $arg(value.map(|$value| $some))
            }
        }
    )*};
}

arg_from! {
    i64, value => Self::Int, value;
    i32, value => Self::Int, i64::from(value);
    u32, value => Self::Int, i64::from(value);
    bool, value => Self::Int, i64::from(value);
    f64, value => Self::Real, value;
    &str, value => Self::Text, value.to_owned();
    String, value => Self::Text, value;
    &String, value => Self::Text, value.clone();
    Timestamp, value => Self::Int, value.as_millisecond();
    Digest, value => Self::Text, value.to_hex();
}

/// The parameters of a statement, in the order of `$1`, `$2`, …. Made by [`crate::args!`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Args(Vec<Arg>);

impl Args {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a parameter and returns its placeholder (`$3`), for statements built in steps.
    pub fn push(&mut self, arg: impl Into<Arg>) -> String {
        self.0.push(arg.into());
        format!("${}", self.0.len())
    }

    pub(crate) fn into_any(self) -> Result<AnyArguments> {
        use sqlx::Arguments as _;
        let mut arguments = AnyArguments::default();
        arguments.reserve(self.0.len(), 0);
        for arg in self.0 {
            // PostgreSQL has no NUL in texts and SQLite cuts them there: neither gets one.
            if matches!(&arg, Arg::Text(Some(text)) if text.contains('\0')) {
                return Err(Error::Invalid(
                    "文字に使えないもの（NUL）が含まれています".to_owned(),
                ));
            }
            let added = match arg {
                Arg::Int(value) => arguments.add(value),
                Arg::Real(value) => arguments.add(value),
                Arg::Text(value) => arguments.add(value),
            };
            added.map_err(|e| Error::Bug {
                detail: format!("parameter: {e}"),
            })?;
        }
        Ok(arguments)
    }
}

impl From<Vec<Arg>> for Args {
    fn from(args: Vec<Arg>) -> Self {
        Self(args)
    }
}

impl Extend<Arg> for Args {
    fn extend<T: IntoIterator<Item = Arg>>(&mut self, args: T) {
        self.0.extend(args);
    }
}

/// `args![id, "text", Some(3), None::<i64>]`: parameters of a statement.
#[macro_export]
macro_rules! args {
    ($($arg:expr),* $(,)?) => {
        $crate::Args::from(::std::vec![$($crate::Arg::from($arg)),*])
    };
}

/// A row of a result.
#[derive(Clone)]
pub struct Row(pub(crate) AnyRow);

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.columns().iter().map(sqlx::Column::name))
            .finish()
    }
}

/// A type that a column can be read as.
pub trait FromColumn: Sized {
    /// Reads the column; the error names it.
    fn from_column(row: &Row, column: &str) -> Result<Self>;
}

impl Row {
    /// Reads a column by name: `row.get::<i64>("seq")?`, `row.get::<Option<String>>("note")?`.
    pub fn get<T: FromColumn>(&self, column: &str) -> Result<T> {
        T::from_column(self, column)
    }

    /// An integer column.
    pub fn i64(&self, column: &str) -> Result<i64> {
        self.get(column)
    }

    /// A text column.
    pub fn text(&self, column: &str) -> Result<String> {
        self.get(column)
    }

    /// A number column.
    pub fn f64(&self, column: &str) -> Result<f64> {
        self.get(column)
    }

    /// A 0/1 column.
    pub fn bool(&self, column: &str) -> Result<bool> {
        self.get(column)
    }

    /// A column of milliseconds UTC.
    pub fn timestamp(&self, column: &str) -> Result<Timestamp> {
        self.get(column)
    }

    fn raw<'r, T>(&'r self, column: &str) -> Result<T>
    where
        T: sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any>,
    {
        self.0.try_get(column).map_err(|e| Error::Bug {
            detail: format!("column {column}: {e}"),
        })
    }
}

fn bad_column(column: &str, problem: &str) -> Error {
    Error::Corrupt {
        detail: format!("column {column}: {problem}"),
    }
}

impl FromColumn for i64 {
    fn from_column(row: &Row, column: &str) -> Result<Self> {
        row.raw(column)
    }
}

impl FromColumn for u64 {
    fn from_column(row: &Row, column: &str) -> Result<Self> {
        Self::try_from(row.i64(column)?).map_err(|_| bad_column(column, "negative"))
    }
}

impl FromColumn for u32 {
    fn from_column(row: &Row, column: &str) -> Result<Self> {
        Self::try_from(row.i64(column)?).map_err(|_| bad_column(column, "out of range"))
    }
}

impl FromColumn for bool {
    fn from_column(row: &Row, column: &str) -> Result<Self> {
        match row.i64(column)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(bad_column(column, "neither 0 nor 1")),
        }
    }
}

impl FromColumn for f64 {
    fn from_column(row: &Row, column: &str) -> Result<Self> {
        row.raw(column)
    }
}

impl FromColumn for String {
    fn from_column(row: &Row, column: &str) -> Result<Self> {
        row.raw(column)
    }
}

impl FromColumn for Timestamp {
    fn from_column(row: &Row, column: &str) -> Result<Self> {
        Self::from_millisecond(row.i64(column)?).map_err(|_| bad_column(column, "no instant"))
    }
}

impl FromColumn for Digest {
    fn from_column(row: &Row, column: &str) -> Result<Self> {
        Self::from_hex(&row.text(column)?).ok_or_else(|| bad_column(column, "no digest"))
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(row: &Row, column: &str) -> Result<Self> {
        use sqlx::ValueRef as _;
        let value = row.0.try_get_raw(column).map_err(|e| Error::Bug {
            detail: format!("column {column}: {e}"),
        })?;
        if value.is_null() {
            Ok(None)
        } else {
            T::from_column(row, column).map(Some)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Error;

    #[test]
    fn a_nul_reaches_no_database() {
        let refused = args!["a\0b"].into_any();
        assert!(matches!(refused, Err(Error::Invalid(_))));
        assert!(args!["ab", 1_i64].into_any().is_ok());
    }
}
