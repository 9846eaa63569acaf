//! Figures: one line of JSON each, appended to one file by every part of the bench and by programs beside it.

use crate::Failure;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;

/// The environment variable that names the file.
pub const VARIABLE: &str = "BENCH_ROWS";

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Less is better.
    #[default]
    Lower,
    /// More is better.
    Higher,
}

/// A figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it belongs to: `money`, `throughput.apns`, `waking`.
    pub section: String,
    /// What was measured.
    pub name: String,
    /// The figure.
    pub value: f64,
    /// What it counts.
    pub unit: String,
    /// The bound that it is to keep; `None` when there is none.
    #[serde(default)]
    pub target: Option<f64>,
    /// Which way is good.
    #[serde(default)]
    pub better: Better,
    /// It is another's figure, for comparison.
    #[serde(default)]
    pub peer: bool,
    /// What else is to be said of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Row {
    /// A figure of ours without a bound.
    pub fn new(section: &str, name: &str, value: f64, unit: &str) -> Self {
        Self {
            section: section.to_owned(),
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
            target: None,
            better: Better::Lower,
            peer: false,
            note: String::new(),
        }
    }

    /// The same, and more is better.
    #[must_use]
    pub fn higher(self) -> Self {
        Self { better: Better::Higher, ..self }
    }

    /// The same with a bound.
    #[must_use]
    pub fn target(self, target: f64) -> Self {
        Self { target: Some(target), ..self }
    }

    /// The same as another's.
    #[must_use]
    pub fn peer(self) -> Self {
        Self { peer: true, ..self }
    }

    /// The same with something to say.
    #[must_use]
    pub fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    /// Whether the bound is kept; `None` without one.
    pub fn holds(&self) -> Option<bool> {
        self.target.map(|target| match self.better {
            Better::Lower => self.value <= target,
            Better::Higher => self.value >= target,
        })
    }
}

/// Appends rows to the file.
pub fn append(file: &Path, rows: &[Row]) -> Result<(), Failure> {
    let mut open = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
    for row in rows {
        writeln!(open, "{}", serde_json::to_string(row)?)?;
    }
    Ok(())
}

/// All rows of the file, in order. A line that is none is an error that shows it.
pub fn read(file: &Path) -> Result<Vec<Row>, Failure> {
    let text = std::fs::read_to_string(file)?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str(line).map_err(|error| format!("{line}: {error}").into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_other_programs_are_read_with_what_they_leave_out() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let ours = Row::new("money", "x", 0.02, "$").target(0.03);
        append(file.path(), std::slice::from_ref(&ours)).unwrap();
        let theirs = r#"{"section":"throughput.apns","name":"a2","value":1,"unit":"n","peer":true,"better":"higher"}"#;
        std::fs::OpenOptions::new().append(true).open(file.path()).unwrap().write_all(theirs.as_bytes()).unwrap();
        let rows = read(file.path()).unwrap();
        assert_eq!((rows.len(), &rows[0], rows[1].peer), (2, &ours, true));
        assert_eq!((rows[0].holds(), rows[1].holds()), (Some(true), None));
        assert_eq!(Row::new("a", "b", 1.0, "").higher().target(2.0).holds(), Some(false));
    }
}
