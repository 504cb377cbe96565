//! What people see: data on the standard output, talk on the standard error.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

use crate::environment::Environment;

/// The two streams, and whether a person is looking.
#[derive(Debug, Clone)]
pub(crate) struct Terminal {
    color: bool,
    progress: bool,
}

/// What a text means, so that colour is never the only sign of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// Unclear.
    Unclear,
    /// Less important.
    Quiet,
    /// A heading.
    Strong,
}

impl Terminal {
    /// Looks at the streams and the environment (`NO_COLOR`, `FORCE_COLOR`, `TERM`).
    pub(crate) fn new(environment: &Environment) -> Self {
        let set = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
        let plain = set("NO_COLOR") || environment.get("TERM") == Some("dumb");
        let color = !plain && (set("FORCE_COLOR") || io::stdout().is_terminal());
        Self { color, progress: io::stderr().is_terminal() }
    }

    /// Writes data. A reader that went away (`| head`) ends the program's interest in writing, not in an error.
    #[expect(
        clippy::unused_self,
        reason = "output goes through the terminal, whatever it looks like"
    )]
    pub(crate) fn data(&self, text: &str) {
        let _closed = io::stdout().write_all(text.as_bytes());
    }

    /// Says something to a person.
    #[expect(
        clippy::unused_self,
        reason = "output goes through the terminal, whatever it looks like"
    )]
    pub(crate) fn say(&self, text: &str) {
        let _closed = writeln!(io::stderr(), "{text}");
    }

    /// A bar or spinner of that [template](https://docs.rs/indicatif/latest/indicatif/#templates) at a terminal, nothing
    /// elsewhere.
    pub(crate) fn progress(&self, template: &str) -> ProgressBar {
        let bar = if self.progress { ProgressBar::new(0) } else { ProgressBar::hidden() };
        match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_not_a_template) => bar,
        }
    }

    /// `text` in a colour that goes with its meaning, where colours are shown.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Unclear => "33",
            Tone::Quiet => "2",
            Tone::Strong => "1",
        };
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// A text of somebody else's on one line, without codes that a terminal or a CI system would obey.
pub(crate) fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}
