//! What is made of the rows: a table for people, `bench.json` for programs, and `docs/performance.md` with its pictures.
//!
//! The page is written by the program alone, so that no sentence in it can disagree with the figures. Texts about what was
//! tried are in `tests/bench/notes/`, one file each, and are taken over as they are.

use crate::Failure;
use crate::plots::{self, Bar};
use crate::rows::{Better, Row};
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;

/// Where and how the figures were made.
#[derive(Debug, Clone)]
pub struct Run {
    /// The commit, with a mark when something was changed.
    pub commit: String,
    /// Day and time, UTC.
    pub at: String,
    /// Processors, memory, system.
    pub machine: String,
    /// How to make them again.
    pub command: String,
    /// Small sizes.
    pub quick: bool,
    /// How long it took, s.
    pub took_s: f64,
    /// What was left out, and why.
    pub missing: Vec<String>,
}

/// A chapter of the page.
struct Chapter {
    section: &'static str,
    title: &'static str,
    text: &'static str,
}

const CHAPTERS: &[Chapter] = &[
    Chapter { section: "money", title: "Money", text: include_str!("../texts/money.md") },
    Chapter { section: "throughput.apns", title: "Delivering through APNs", text: include_str!("../texts/apns.md") },
    Chapter { section: "throughput.fcm", title: "Delivering through FCM", text: include_str!("../texts/fcm.md") },
    Chapter { section: "throughput.channels", title: "The other channels", text: include_str!("../texts/channels.md") },
    Chapter { section: "accept", title: "Accepting", text: include_str!("../texts/accept.md") },
    Chapter {
        section: "end-to-end",
        title: "From the call to the last phone",
        text: include_str!("../texts/end-to-end.md"),
    },
    Chapter { section: "memory", title: "Memory", text: include_str!("../texts/memory.md") },
    Chapter { section: "waking", title: "Waking", text: include_str!("../texts/waking.md") },
    Chapter { section: "size", title: "Size", text: "What is uploaded for a function.\n" },
];

/// A figure as people write it.
pub fn figure(value: f64) -> String {
    let size = value.abs();
    if size >= 1000.0 {
        let digits = format!("{value:.0}");
        let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("-", rest));
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
        format!("{sign}{}", groups.join(","))
    } else if size == 0.0 {
        "0".to_owned()
    } else {
        let decimals = (2 - size.log10().floor() as i32).clamp(0, 6) as usize;
        format!("{value:.decimals$}")
    }
}

fn target(row: &Row) -> String {
    let Some(target) = row.target else { return String::new() };
    let sign = match row.better {
        Better::Lower => "≤",
        Better::Higher => "≥",
    };
    format!("{sign} {}", figure(target))
}

fn mark(row: &Row) -> &'static str {
    match row.holds() {
        Some(true) => "✓",
        Some(false) => "✗",
        None => "",
    }
}

/// The table that is printed.
pub fn table(rows: &[Row], run: &Run) -> String {
    let mut text = String::new();
    let width = |of: &dyn Fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let names = width(&|row| row.name.chars().count());
    let units = width(&|row| row.unit.chars().count());
    let mut section = "";
    for row in rows {
        if row.section != section {
            section = &row.section;
            let _ = writeln!(text, "\n{section}");
        }
        let peer = if row.peer { "·" } else { " " };
        let (value, target) = (figure(row.value), target(row));
        let (name, unit, mark, note) = (&row.name, &row.unit, mark(row), &row.note);
        let line = format!("{peer} {name:names$}  {value:>12}  {unit:units$}  {target:>12} {mark:1}  {note}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let failed = rows.iter().filter(|row| row.holds() == Some(false)).count();
    let held = rows.iter().filter(|row| row.holds() == Some(true)).count();
    let _ = writeln!(text, "\n{held} targets hold, {failed} do not; {:.0} s (· = another's figure)", run.took_s);
    for missing in &run.missing {
        let _ = writeln!(text, "LEFT OUT: {missing}");
    }
    text
}

/// Writes `bench.json`.
pub fn write_json(file: &Path, rows: &[Row], run: &Run) -> Result<(), Failure> {
    let document = json!({
        "commit": run.commit, "at": run.at, "machine": run.machine, "command": run.command, "quick": run.quick,
        "took_s": run.took_s, "missing": run.missing, "rows": rows,
    });
    Ok(std::fs::write(file, format!("{document:#}\n"))?)
}

/// Writes `docs/performance.md` and the pictures beside it.
pub fn write_page(root: &Path, rows: &[Row], run: &Run) -> Result<(), Failure> {
    let pictures = root.join("docs/performance");
    std::fs::create_dir_all(&pictures)?;
    let mut page = head(rows, run);
    for chapter in CHAPTERS {
        let ours: Vec<&Row> = rows.iter().filter(|row| row.section == chapter.section).collect();
        if ours.is_empty() {
            continue;
        }
        let _ = writeln!(page, "\n## {}\n\n{}", chapter.title, chapter.text.trim_end());
        page.push_str(&picture(&pictures, chapter, &ours)?);
        page.push_str(&chapter_table(&ours));
    }
    for (title, text) in notes(root)? {
        let _ = writeln!(page, "\n## {title}\n\n{}", text.trim());
    }
    Ok(std::fs::write(root.join("docs/performance.md"), page)?)
}

fn head(rows: &[Row], run: &Run) -> String {
    let mut page = include_str!("../texts/head.md").to_owned();
    let quick =
        if run.quick { " Small sizes (`QUICK=1`): for the shape of the page, not for its figures." } else { "" };
    let _ = writeln!(
        page,
        "\nMade by `{}` at commit {} on {} in {:.0} s: {}.{quick}",
        run.command, run.commit, run.at, run.took_s, run.machine
    );
    for missing in &run.missing {
        let _ = writeln!(page, "\nLeft out: {missing}.");
    }
    let bound: Vec<&Row> = rows.iter().filter(|row| row.target.is_some()).collect();
    if !bound.is_empty() {
        page.push_str("\n| target | figure | bound | |\n|---|---:|---:|---|\n");
        for row in bound {
            let (value, bound) = (figure(row.value), target(row));
            let _ = writeln!(page, "| {}, {} | {value} | {bound} | {} |", row.name, row.unit, mark(row));
        }
    }
    page
}

/// One line per name, one column per unit.
fn chapter_table(rows: &[&Row]) -> String {
    let mut units: Vec<&str> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if !units.contains(&row.unit.as_str()) {
            units.push(&row.unit);
        }
        if !names.contains(&row.name.as_str()) {
            names.push(&row.name);
        }
    }
    let noted = rows.iter().any(|row| !row.note.is_empty());
    let mut text = format!("\n| | {} |{}\n|---|", units.join(" | "), if noted { " |" } else { "" });
    text.push_str(&"---:|".repeat(units.len()));
    text.push_str(if noted { "---|\n" } else { "\n" });
    for name in names {
        let of_name: Vec<&&Row> = rows.iter().filter(|row| row.name == name).collect();
        let _ = write!(text, "| {name} |");
        for unit in &units {
            let row = of_name.iter().find(|row| row.unit == *unit);
            let cell = row.map(|row| match row.target {
                Some(_) => format!("{} ({}) {}", figure(row.value), target(row), mark(row)),
                None => figure(row.value),
            });
            let _ = write!(text, " {} |", cell.unwrap_or_default());
        }
        if noted {
            let notes: Vec<&str> =
                of_name.iter().map(|row| row.note.as_str()).filter(|note| !note.is_empty()).collect();
            let _ = write!(text, " {} |", notes.join("; "));
        }
        text.push('\n');
    }
    text
}

/// The picture of a chapter: its first unit as bars, or lines where the names are sizes.
fn picture(folder: &Path, chapter: &Chapter, rows: &[&Row]) -> Result<String, Failure> {
    let file = format!("{}.svg", chapter.section.replace('.', "-"));
    let unit = rows[0].unit.as_str();
    let of_unit: Vec<&&Row> = rows.iter().filter(|row| row.unit == unit).collect();
    let title = format!("{}: {unit}", chapter.title);
    let sized: Option<Vec<(f64, f64)>> = of_unit.iter().map(|row| Some((size(&row.name)?, row.value))).collect();
    match sized.filter(|points| points.len() > 1) {
        Some(points) => {
            plots::lines(&folder.join(&file), &title, ("recipients", unit), &[(unit.to_owned(), points)])?;
        }
        None => {
            let bars: Vec<Bar> = of_unit
                .iter()
                .map(|row| Bar { name: row.name.clone(), value: row.value, peer: row.peer, text: figure(row.value) })
                .collect();
            let target = of_unit.iter().find_map(|row| row.target);
            plots::bars(&folder.join(&file), &title, &bars, target)?;
        }
    }
    Ok(format!("\n![{title}](performance/{file})\n"))
}

/// The number in `100,000 recipients`.
fn size(name: &str) -> Option<f64> {
    name.strip_suffix(" recipients")?.replace(',', "").parse().ok()
}

/// What was tried: files of `tests/bench/notes`, whose first line is their heading.
fn notes(root: &Path) -> Result<Vec<(String, String)>, Failure> {
    let Ok(folder) = std::fs::read_dir(root.join("tests/bench/notes")) else { return Ok(Vec::new()) };
    let mut files: Vec<_> = folder.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    files.sort();
    files
        .iter()
        .map(|file| {
            let text = std::fs::read_to_string(file)?;
            let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
            Ok((first.trim_start_matches('#').trim().to_owned(), rest.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        Run {
            commit: "abc".to_owned(),
            at: "today".to_owned(),
            machine: "two processors".to_owned(),
            command: "make bench".to_owned(),
            quick: true,
            took_s: 1.0,
            missing: vec!["h2load is not installed".to_owned()],
        }
    }

    #[test]
    fn figures_have_three_digits_that_count() {
        let texts: Vec<String> =
            [0.0, 0.0231, 1.5, 12.34, 123.4, 1_234.5, 1_234_567.0].into_iter().map(figure).collect();
        assert_eq!(texts, ["0", "0.0231", "1.50", "12.3", "123", "1,234", "1,234,567"]);
    }

    #[test]
    fn the_page_shows_each_figure_beside_its_target_and_its_peers() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("tests/bench/notes")).unwrap();
        std::fs::write(root.path().join("tests/bench/notes/a.md"), "# What helped\n\nThis did.\n").unwrap();
        let unit = "deliveries per CPU second";
        let rows = [
            Row::new("throughput.apns", "ours", 40_000.0, unit).higher().target(50_000.0),
            Row::new("throughput.apns", "bare", 60_000.0, unit).higher().peer(),
            Row::new("end-to-end", "1,000 recipients", 0.5, "s"),
            Row::new("end-to-end", "10,000 recipients", 4.0, "s"),
        ];
        write_page(root.path(), &rows, &run()).unwrap();
        let page = std::fs::read_to_string(root.path().join("docs/performance.md")).unwrap();
        for text in ["| ours | 40,000 (≥ 50,000) ✗ |", "| bare | 60,000 |", "## What helped", "This did.", "h2load"]
        {
            assert!(page.contains(text), "{text} is missing in {page}");
        }
        assert!(root.path().join("docs/performance/end-to-end.svg").exists());
        assert!(table(&rows, &run()).contains("LEFT OUT: h2load is not installed"));
    }
}
