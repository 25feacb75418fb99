//! Rows as a Parquet file. Its columns are a table; what a row lacks is null.

use std::path::Path;

use serde_json::Value;

use crate::cli::Failure;

#[cfg(feature = "parquet")]
pub(super) use built::File;

/// Stands in where the program was built without Parquet.
#[cfg(not(feature = "parquet"))]
pub(super) enum File {}

#[cfg(not(feature = "parquet"))]
impl File {
    pub(super) fn create(_path: &Path) -> Result<Self, Failure> {
        Err(Failure::new(
            "this program was built without Parquet (cargo build --release --features parquet); --format jsonl is always there",
        ))
    }
    pub(super) fn write(&mut self, _row: Value) -> Result<(), Failure> {
        match *self {}
    }
    pub(super) fn close(self) -> Result<u64, Failure> {
        match self {}
    }
}

#[cfg(feature = "parquet")]
mod built {
    use std::fs;
    use std::sync::Arc;

    use jiff::Timestamp;
    use parquet::basic::Compression;
    use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int64Type};
    use parquet::errors::ParquetError;
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
    use parquet::schema::parser::parse_message_type;

    use super::{Failure, Path, Value};

    /// Rows of a row group, in memory until it is full: some tens of megabytes.
    const GROUP: usize = 16_384;

    /// What a column holds.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Kind {
        Text,
        /// RFC 3339 in a row, milliseconds in the file.
        Time,
        Integer,
        Truth,
        Texts,
    }

    /// Every column of a row, in order.
    const COLUMNS: [(&str, Kind); 29] = [
        ("exchange", Kind::Text),
        ("time", Kind::Time),
        ("tenant", Kind::Text),
        ("principal", Kind::Text),
        ("roles", Kind::Texts),
        ("scopes", Kind::Texts),
        ("dialect", Kind::Text),
        ("endpoint", Kind::Text),
        ("upstream", Kind::Text),
        ("model", Kind::Text),
        ("stream", Kind::Truth),
        ("status", Kind::Integer),
        ("outcome", Kind::Text),
        ("verdict", Kind::Text),
        ("refusal", Kind::Text),
        ("rule", Kind::Text),
        ("path", Kind::Text),
        ("findings", Kind::Integer),
        ("kinds", Kind::Texts),
        ("rules", Kind::Texts),
        ("tools", Kind::Texts),
        ("pseudonyms", Kind::Texts),
        ("tokens_in", Kind::Integer),
        ("tokens_out", Kind::Integer),
        ("restored", Kind::Integer),
        ("total_us", Kind::Integer),
        ("inspect_us", Kind::Integer),
        ("upstream_us", Kind::Integer),
        ("ruleset", Kind::Text),
    ];

    /// A Parquet file that is being written.
    pub(in crate::cli::audit) struct File {
        writer: SerializedFileWriter<fs::File>,
        rows: Vec<Value>,
        count: u64,
    }

    impl File {
        pub(in crate::cli::audit) fn create(path: &Path) -> Result<Self, Failure> {
            let file = fs::OpenOptions::new().write(true).create_new(true).open(path);
            let file = file.map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
            let schema = parse_message_type(&schema()).map_err(|error| failed(&error))?;
            let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
            let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties));
            Ok(Self { writer: writer.map_err(|error| failed(&error))?, rows: Vec::new(), count: 0 })
        }

        pub(in crate::cli::audit) fn write(&mut self, row: Value) -> Result<(), Failure> {
            self.rows.push(row);
            self.count += 1;
            if self.rows.len() < GROUP { Ok(()) } else { self.group().map_err(|error| failed(&error)) }
        }

        /// Gives the number of rows.
        pub(in crate::cli::audit) fn close(mut self) -> Result<u64, Failure> {
            if !self.rows.is_empty() {
                self.group().map_err(|error| failed(&error))?;
            }
            let mut end = || -> Result<(), ParquetError> {
                self.writer.finish()?;
                self.writer.inner().sync_all()?;
                Ok(())
            };
            end().map_err(|error| failed(&error))?;
            Ok(self.count)
        }

        fn group(&mut self) -> Result<(), ParquetError> {
            let mut group = self.writer.next_row_group()?;
            for (name, kind) in COLUMNS {
                let Some(mut column) = group.next_column()? else { break };
                let values = self.rows.iter().map(|row| row.get(name).unwrap_or(&Value::Null));
                let bytes = |value: &Value| value.as_str().map(ByteArray::from);
                match kind {
                    Kind::Text => flat::<ByteArrayType>(&mut column, values, bytes)?,
                    Kind::Time => flat::<Int64Type>(&mut column, values, milliseconds)?,
                    Kind::Integer => flat::<Int64Type>(&mut column, values, Value::as_i64)?,
                    Kind::Truth => flat::<BoolType>(&mut column, values, Value::as_bool)?,
                    Kind::Texts => lists(&mut column, values)?,
                }
                column.close()?;
            }
            group.close()?;
            self.rows.clear();
            Ok(())
        }
    }

    /// A column with one value a row, or none.
    fn flat<'v, T: DataType>(
        column: &mut SerializedColumnWriter<'_>,
        rows: impl Iterator<Item = &'v Value>,
        read: impl Fn(&Value) -> Option<T::T>,
    ) -> Result<(), ParquetError> {
        let all: Vec<Option<T::T>> = rows.map(read).collect();
        let defined: Vec<i16> = all.iter().map(|value| i16::from(value.is_some())).collect();
        let values: Vec<T::T> = all.into_iter().flatten().collect();
        column.typed::<T>().write_batch(&values, Some(&defined), None).map(|_| ())
    }

    /// A column with a list of texts a row, which may be empty.
    fn lists<'v>(
        column: &mut SerializedColumnWriter<'_>,
        rows: impl Iterator<Item = &'v Value>,
    ) -> Result<(), ParquetError> {
        let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            let before = values.len();
            for text in row.as_array().into_iter().flatten().filter_map(Value::as_str) {
                repeated.push(i16::from(values.len() > before));
                defined.push(1);
                values.push(ByteArray::from(text));
            }
            if values.len() == before {
                repeated.push(0);
                defined.push(0);
            }
        }
        column.typed::<ByteArrayType>().write_batch(&values, Some(&defined), Some(&repeated)).map(|_| ())
    }

    fn milliseconds(value: &Value) -> Option<i64> {
        value.as_str()?.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
    }

    /// The schema in Parquet's own notation.
    fn schema() -> String {
        let column = |(name, kind): (&str, Kind)| match kind {
            Kind::Text => format!("optional binary {name} (STRING);"),
            Kind::Time => format!("optional int64 {name} (TIMESTAMP(MILLIS,true));"),
            Kind::Integer => format!("optional int64 {name};"),
            Kind::Truth => format!("optional boolean {name};"),
            Kind::Texts => {
                format!(
                    "required group {name} (LIST) {{ repeated group list {{ required binary element (STRING); }} }}"
                )
            }
        };
        format!("message exchanges {{ {} }}", COLUMNS.map(column).join(" "))
    }

    fn failed(error: &ParquetError) -> Failure {
        Failure::new(format!("the Parquet file cannot be written: {error}"))
    }

    #[cfg(test)]
    mod tests {
        use parquet::file::reader::{FileReader as _, SerializedFileReader};
        use serde_json::json;

        use super::*;
        use crate::cli::audit::export::row;
        use crate::cli::audit::joined::Joiner;

        #[test]
        fn what_is_written_reads_back_and_no_column_is_forgotten() {
            let mut joiner = Joiner::new();
            let text = "to [EMAIL:0123456789ABCDEF] and [EMAIL_7KQ2MX], in clear nothing";
            let record = json!({ "event": "completion", "exchange": "e1", "time": "2026-01-02T03:04:05.678Z", "tenant": "acme", "stream": true,
                "status": 200, "roles": ["a", "b"], "timings": { "total_us": 9 },
                "request": { "findings": [{ "kind": "pii.email", "rule": "email" }], "texts": [{ "text": text }], "usage": { "input": 7 } } });
            let joined = joiner.add(record.to_string().as_bytes()).unwrap();
            let first = row(&joined);
            for key in first.as_object().unwrap().keys() {
                assert!(COLUMNS.iter().any(|(name, _)| name == key), "no column for {key}");
            }
            for (name, _) in COLUMNS {
                assert!(first.get(name).is_some(), "no value for {name}");
            }
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("x.parquet");
            let mut file = File::create(&path).unwrap();
            assert!(File::create(&path).is_err(), "never overwritten");
            for _ in 0..GROUP + 1 {
                file.write(first.clone()).unwrap();
            }
            assert_eq!(file.close().unwrap(), GROUP as u64 + 1);
            let reader = SerializedFileReader::new(fs::File::open(&path).unwrap()).unwrap();
            assert_eq!(reader.metadata().num_row_groups(), 2);
            let last = reader.get_row_iter(None).unwrap().last().unwrap().unwrap().to_string();
            for (name, expected) in [
                ("exchange", "\"e1\""),
                ("time", "2026-01-02 03:04:05.678 +00:00"),
                ("tenant", "\"acme\""),
                ("stream", "true"),
                ("status", "200"),
                ("roles", "[\"a\", \"b\"]"),
                ("kinds", "[\"pii.email\"]"),
                ("tools", "[]"),
                ("pseudonyms", "[\"EMAIL:0123456789ABCDEF\"]"),
                ("tokens_in", "7"),
                ("total_us", "9"),
                ("model", "null"),
            ] {
                assert!(last.contains(&format!("{name}: {expected}")), "{name}: {last}");
            }
            assert!(!last.contains("in clear"), "no text");
            assert_eq!(milliseconds(&json!("2026-01-02T03:04:05.678Z")), Some(1_767_323_045_678));
        }
    }
}
