//! What a person sees while the lap is driven: a bar on a terminal, plain lines elsewhere, nothing when a program reads the answer.

use std::io::{IsTerminal as _, Write as _};

use chrono::NaiveDate;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How progress is shown, on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// A bar on a terminal, lines elsewhere.
    Auto,
    /// Nothing.
    Nothing,
}

/// Every so many days a line says where the replay stands, when there is no bar.
const LINE_EVERY_DAYS: u64 = 28;

/// The teller of the lap.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    lines: bool,
}

impl Progress {
    pub(crate) fn new(show: Show) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = (show == Show::Auto && terminal).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(
                ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        });
        Self { bar, lines: show == Show::Auto && !terminal }
    }

    /// Something that happened and stays on the screen.
    pub(crate) fn say(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.println(text);
        } else if self.lines {
            // A closed standard error is no reason to end the lap.
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// What is going on right now.
    pub(crate) fn doing(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
            bar.tick();
        }
    }

    /// From here on, `days` days are replayed.
    pub(crate) fn replay(&self, days: u64) {
        if let Some(bar) = &self.bar {
            let style = ProgressStyle::with_template("{bar:28} day {pos}/{len}  {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"));
            bar.set_length(days);
            bar.set_position(0);
        }
    }

    /// A day was replayed.
    pub(crate) fn day(&self, number: u64, date: NaiveDate, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(number);
            bar.set_message(format!("{date}  {text}"));
        } else if number.is_multiple_of(LINE_EVERY_DAYS) {
            self.say(&format!("{date}  day {number}: {text}"));
        }
    }

    /// The end: the bar goes.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
