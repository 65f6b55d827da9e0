//! Error over time as a chart of characters, with the events under it.

use super::{Mark, Point};

const HEIGHT: usize = 8;
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The scale's width in columns.
const AXIS: usize = 6;
/// The fewest columns a chart is drawn in.
const MIN_COLUMNS: usize = 20;

/// Draws `points` within `width` columns: bars for the error, a dotted line for the objective, a row of letters for the marks.
pub(super) fn draw(points: &[Point], objective: Option<f64>, marks: &[Mark], width: usize) -> String {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return "no window has been evaluated\n".to_owned();
    };
    let columns = width.saturating_sub(AXIS + 1).max(MIN_COLUMNS).min(points.len().max(MIN_COLUMNS));
    let bars = bars(points, columns);
    let top = bars.iter().flatten().copied().chain(objective).fold(0.0_f64, f64::max) * 1.05;
    if top <= 0.0 {
        return "every error is zero\n".to_owned();
    }
    let line = objective.map(|bound| ((bound / top) * HEIGHT as f64) as usize);
    let mut text = String::new();
    for row in (0..HEIGHT).rev() {
        let label = match line {
            Some(line) if line == row => format!("{:>5.2}", objective.unwrap_or_default()),
            _ if row == HEIGHT - 1 => format!("{top:>5.2}"),
            _ if row == 0 => format!("{:>5.2}", 0.0),
            _ => " ".repeat(5),
        };
        let cells: String = bars.iter().map(|bar| cell(*bar, top, row, line)).collect();
        text.push_str(format!("{label} {}", cells.trim_end()).trim_end());
        text.push('\n');
    }
    let letters = letters(points, marks, columns);
    text.push_str(format!("{}{letters}", " ".repeat(AXIS)).trim_end());
    let gap = columns.saturating_sub(20);
    text.push_str(&format!("\n{}{}{}{}\n", " ".repeat(AXIS), first.day, " ".repeat(gap), last.day));
    text
}

/// The mean error of the windows that fall into each column.
fn bars(points: &[Point], columns: usize) -> Vec<Option<f64>> {
    let mut sums = vec![(0.0, 0_u32); columns];
    for (index, point) in points.iter().enumerate() {
        if let (Some(error), Some(sum)) = (point.error, sums.get_mut(index * columns / points.len())) {
            *sum = (sum.0 + error, sum.1 + 1);
        }
    }
    sums.into_iter().map(|(sum, n)| (n > 0).then(|| sum / f64::from(n))).collect()
}

/// What stands in one column of one row, counted from the bottom.
fn cell(bar: Option<f64>, top: f64, row: usize, line: Option<usize>) -> char {
    let eighths = bar.map_or(0.0, |bar| (bar / top * HEIGHT as f64 - row as f64) * 8.0);
    let filled = EIGHTHS.get(eighths.round().clamp(0.0, 8.0) as usize).copied().unwrap_or(' ');
    if filled == ' ' && line == Some(row) { '┄' } else { filled }
}

/// A letter per mark, in the column of its day; a later mark moves right when its place is taken.
fn letters(points: &[Point], marks: &[Mark], columns: usize) -> String {
    let mut row = vec![' '; columns];
    for mark in marks {
        let Some(letter) = letter(mark) else { continue };
        let index = points.partition_point(|point| point.day < mark.day);
        let wanted = index * columns / points.len().max(1);
        if let Some(free) = row.iter_mut().skip(wanted).find(|place| **place == ' ') {
            *free = letter;
        }
    }
    row.into_iter().collect()
}

/// The letter of a mark; the legend explains them.
pub(super) fn letter(mark: &Mark) -> Option<char> {
    match (mark.kind.as_str(), mark.severity.as_str()) {
        ("alarm", _) => Some('A'),
        ("resolved", _) => Some('r'),
        ("gate", "bad") => Some('X'),
        ("promotion", _) => Some('P'),
        ("rollback", _) => Some('B'),
        _ => None,
    }
}

/// What the letters mean.
pub(super) const LEGEND: &str =
    "A alarm   P promotion   r resolved   X refused by the gate   B rolled back by the canary";
