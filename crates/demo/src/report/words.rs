//! The report in words: for a terminal and as Markdown.

use super::table::Table;
use super::{Candidate, Report, chart};

/// The chart's width in Markdown.
const MARKDOWN_WIDTH: usize = 100;

pub(super) fn text(report: &Report, width: usize) -> String {
    let mut parts = vec![
        headline(report),
        format!("{}\n{}\n{}", chart_title(report), chart(report, width), chart::LEGEND),
        format!("candidates\n{}", candidates(report).text()),
    ];
    parts.extend(refusals(report));
    parts.push(format!("events\n{}", events(report).text()));
    parts.push(promises(report));
    parts.push(format!("files\n{}", files(report).join("\n")));
    joined(&parts)
}

pub(super) fn markdown(report: &Report) -> String {
    let refusals: String = refusals(report).iter().map(|refusal| format!("- {refusal}\n")).collect();
    let mut parts = vec![
        format!("# A lap of `bikes`\n\n{}", headline(report)),
        format!(
            "## Error over time\n\n{}\n\n```text\n{}\n{}\n```",
            chart_title(report),
            chart(report, MARKDOWN_WIDTH),
            chart::LEGEND
        ),
        format!("## Candidates\n\n{}\n{refusals}", candidates(report).markdown()),
        format!("## Events\n\n{}", events(report).markdown()),
    ];
    if !report.promises.is_empty() {
        parts.push(format!("## What the lap was to show\n\n{}", promises(report)));
    }
    parts.push(format!(
        "## Weeks\n\nSum of absolute errors over the sum of rentals, from the answers and the counts themselves.\n\n{}",
        weeks(report).markdown()
    ));
    joined(&parts)
}

/// The parts with an empty line between them; empty ones are left out.
fn joined(parts: &[String]) -> String {
    let parts: Vec<&str> = parts.iter().map(|part| part.trim_end()).filter(|part| !part.is_empty()).collect();
    parts.join("\n\n") + "\n"
}

fn weeks(report: &Report) -> Table {
    let mut table = Table::new(&["week from", "error", "predictions"]);
    for week in &report.weeks {
        table.row([week.from.to_string(), format!("{:.3}", week.wape), week.predictions.to_string()]);
    }
    table
}

fn headline(report: &Report) -> String {
    let facts = &report.facts;
    let champion = report.champion.map_or_else(|| "no version".to_owned(), |version| format!("bikes/{version}"));
    let change = facts.changes_on.map(|day| format!(" The world changed on {day}.")).unwrap_or_default();
    format!(
        "{}: {} days of history, then {} predictions, each labelled a day later ({} labels, {} unexpected).{change}\n\
         {champion} answers now; {} data versions, {} training runs, {} notifications heard, {:.0} s.",
        facts.source,
        facts.history_days,
        report.predictions,
        facts.labels_accepted,
        facts.labels_other,
        report.data_versions,
        report.candidates.len(),
        facts.notifications,
        facts.seconds,
    )
}

fn chart_title(report: &Report) -> String {
    let objective = report.objective.map(|bound| format!(", objective at most {bound}")).unwrap_or_default();
    format!("{} over time{objective}", report.metric)
}

fn chart(report: &Report, width: usize) -> String {
    chart::draw(&report.points, report.objective, &report.marks, width).trim_end().to_owned()
}

fn candidates(report: &Report) -> Table {
    let mut table = Table::new(&["run", "why", "data", "gate", "wape", "mae", "champion mae", "version", "outcome"]);
    let number =
        |value: Option<f64>, digits: usize| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"));
    for candidate in &report.candidates {
        table.row([
            format!("#{}", candidate.run),
            candidate.reason.clone(),
            candidate.data.clone(),
            candidate.gate.clone(),
            number(candidate.wape, 3),
            number(candidate.mae, 1),
            number(candidate.champion_mae, 1),
            candidate.version.map_or_else(|| "-".to_owned(), |version| format!("bikes/{version}")),
            candidate.outcome.replace('_', " "),
        ]);
    }
    table
}

/// A line of evidence for each candidate that did not win.
fn refusals(report: &Report) -> Vec<String> {
    let line = |candidate: &Candidate| {
        let why =
            if candidate.gate == "refused" { candidate.broken_rules.join("; ") } else { candidate.evidence.clone() };
        let by = if candidate.gate == "refused" { "refused by the gate" } else { "rolled back by the canary" };
        format!("run #{} was {by}: {why}", candidate.run)
    };
    let lost = |candidate: &&Candidate| candidate.gate == "refused" || candidate.outcome == "rolled_back";
    report.candidates.iter().filter(lost).map(line).collect()
}

fn events(report: &Report) -> Table {
    let mut table = Table::new(&["", "day", "what", "detail"]);
    for mark in &report.marks {
        let Some(letter) = chart::letter(mark) else { continue };
        table.row([letter.to_string(), mark.day.to_string(), mark.title.clone(), mark.detail.clone()]);
    }
    table
}

fn promises(report: &Report) -> String {
    let line = |promise: &super::Promise| format!("- [{}] {}\n", if promise.kept { "x" } else { " " }, promise.what);
    report.promises.iter().map(line).collect()
}

fn files(report: &Report) -> Vec<String> {
    let folder = &report.facts.folder;
    crate::files::NAMES.iter().map(|name| folder.join(name).display().to_string()).collect()
}
