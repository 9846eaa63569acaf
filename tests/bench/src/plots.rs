//! The figures as pictures (SVG).

use crate::Failure;
use plotters::prelude::*;
use std::path::Path;

/// A bar and what it says.
pub struct Bar {
    /// What it stands for.
    pub name: String,
    /// How long it is.
    pub value: f64,
    /// Another's: drawn in grey.
    pub peer: bool,
    /// The figure as text.
    pub text: String,
}

const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const PEERS: RGBColor = RGBColor(0xaa, 0xaa, 0xaa);
const TARGET: RGBColor = RGBColor(0xd6, 0x27, 0x28);
const COLOURS: [RGBColor; 5] = [
    OURS,
    RGBColor(0xff, 0x7f, 0x0e),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0x94, 0x67, 0xbd),
    RGBColor(0x8c, 0x56, 0x4b),
];
const WIDTH: u32 = 860;
const FONT: &str = "sans-serif";

/// Horizontal bars, and a line at `target`.
pub fn bars(file: &Path, title: &str, bars: &[Bar], target: Option<f64>) -> Result<(), Failure> {
    const ROW: u32 = 26;
    let height = 70 + ROW * u32::try_from(bars.len())?;
    let area = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let longest = bars.iter().map(|bar| bar.value).chain(target).fold(f64::MIN_POSITIVE, f64::max);
    let count = bars.len() as f64;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, (FONT, 17))
        .margin(8)
        .margin_left(240)
        .margin_right(120)
        .build_cartesian_2d(0.0..longest, 0.0..count)?;
    for (n, bar) in bars.iter().rev().enumerate() {
        let n = n as f64;
        let colour = if bar.peer { PEERS } else { OURS };
        chart.draw_series([Rectangle::new([(0.0, n + 0.15), (bar.value, n + 0.85)], colour.filled())])?;
        let middle = chart.backend_coord(&(0.0, n + 0.62));
        let end = chart.backend_coord(&(bar.value, n + 0.62));
        area.draw(&Text::new(bar.name.clone(), (8, middle.1 - 4), (FONT, 13)))?;
        area.draw(&Text::new(bar.text.clone(), (end.0 + 6, end.1 - 4), (FONT, 13)))?;
    }
    if let Some(target) = target {
        chart.draw_series(LineSeries::new([(target, 0.0), (target, count)], TARGET.stroke_width(2)))?;
    }
    area.present()?;
    Ok(())
}

/// Lines over two logarithmic axes: a name and its points each.
pub fn lines(
    file: &Path,
    title: &str,
    axes: (&str, &str),
    series: &[(String, Vec<(f64, f64)>)],
) -> Result<(), Failure> {
    let area = SVGBackend::new(file, (WIDTH, 360)).into_drawing_area();
    area.fill(&WHITE)?;
    let all = || series.iter().flat_map(|(_, points)| points.iter().copied());
    let range = |values: &mut dyn Iterator<Item = f64>| {
        let (least, most) = values.fold((f64::MAX, f64::MIN_POSITIVE), |(l, m), v| (l.min(v), m.max(v)));
        (least / 1.5)..(most * 1.5)
    };
    let (xs, ys) = (range(&mut all().map(|(x, _)| x)), range(&mut all().map(|(_, y)| y)));
    let mut chart = ChartBuilder::on(&area)
        .caption(title, (FONT, 17))
        .margin(10)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(xs.log_scale(), ys.log_scale())?;
    let plain = |value: &f64| format!("{value}");
    chart.configure_mesh().x_desc(axes.0).y_desc(axes.1).x_label_formatter(&plain).y_label_formatter(&plain).draw()?;
    for ((name, points), colour) in series.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        let line = chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
        line.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, colour.filled())))?;
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_say_what_they_show() {
        let folder = tempfile::tempdir().unwrap();
        let bar = |name: &str, peer| Bar { name: name.to_owned(), value: 2.0, peer, text: "2 $".to_owned() };
        let (first, second) = (folder.path().join("a.svg"), folder.path().join("b.svg"));
        bars(&first, "Dollars", &[bar("ours", false), bar("theirs", true)], Some(3.0)).unwrap();
        lines(&second, "Time", ("recipients", "s"), &[("push".to_owned(), vec![(1e3, 0.5), (1e5, 40.0)])]).unwrap();
        let texts = [first, second].map(|file| std::fs::read_to_string(file).unwrap());
        assert!(["Dollars", "ours", "theirs", "2 $"].iter().all(|text| texts[0].contains(text)), "{}", texts[0]);
        assert!(["Time", "recipients", "push"].iter().all(|text| texts[1].contains(text)), "{}", texts[1]);
    }
}
