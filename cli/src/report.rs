//! A verdict on its way to people and tools.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

use engine::judge::Record;

use crate::exit::{Failure, Result};
use crate::printer;
use crate::terminal::Terminal;

/// A verdict record with what reports need besides it.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// The record.
    pub record: Record,
    /// The contract, as a person would name it.
    pub contract: String,
    /// The contract's file, for reports that point at places.
    pub contract_path: String,
    /// The file of each material.
    pub paths: BTreeMap<String, String>,
}

/// A form of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a person at a terminal.
    Table,
    /// The record as JSON.
    Json,
    /// The record as YAML.
    Yaml,
    /// SARIF 2.1.0.
    Sarif,
    /// `JUnit` XML.
    Junit,
    /// For a job page or a pull request.
    Markdown,
}

/// `FORMAT[=FILE]`, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The form.
    pub format: Format,
    /// The file; the standard output when absent.
    pub file: Option<PathBuf>,
}

impl Format {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Table, "table"),
        (Self::Json, "json"),
        (Self::Yaml, "yaml"),
        (Self::Sarif, "sarif"),
        (Self::Junit, "junit"),
        (Self::Markdown, "markdown"),
    ];
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let (name, file) =
            text.split_once('=').map_or((text, None), |(name, file)| (name, Some(file)));
        let format =
            Format::ALL.iter().find(|(_, known)| *known == name).map(|(format, _)| *format);
        let format = format
            .ok_or("expected table, json, yaml, sarif, junit or markdown, and perhaps =FILE")?;
        if file == Some("") {
            return Err(format!("after `{name}=` a file is missing"));
        }
        Ok(Self { format, file: file.map(PathBuf::from) })
    }
}

/// Refuses what cannot be told apart afterwards, before anything is judged or pushed.
pub(crate) fn check(outputs: &[Output]) -> Result<()> {
    if outputs.iter().filter(|output| output.file.is_none()).count() > 1 {
        return Err(Failure::usage("two reports on the standard output cannot be told apart")
            .with_hint("give all but one a file: -o FORMAT=FILE"));
    }
    Ok(())
}

impl Report {
    /// Writes the report in every form that was asked for; as a table when none was.
    pub(crate) fn write(&self, outputs: &[Output], terminal: &Terminal) -> Result<()> {
        if outputs.is_empty() {
            terminal.data(&printer::table(self, terminal));
        }
        for output in outputs {
            let text = self.render(output, terminal)?;
            match &output.file {
                None => terminal.data(&text),
                Some(file) => fs::write(file, text).map_err(|error| {
                    Failure::unexpected(&format!("cannot write {}", file.display()), error)
                })?,
            }
        }
        Ok(())
    }

    fn render(&self, output: &Output, terminal: &Terminal) -> Result<String> {
        let failed =
            |error: serde_json::Error| Failure::unexpected("cannot write the report", error);
        let plain = Terminal::new(&crate::environment::Environment::from([("NO_COLOR", "1")]));
        Ok(match output.format {
            Format::Table if output.file.is_some() => printer::table(self, &plain),
            Format::Table => printer::table(self, terminal),
            Format::Json => printer::json(&self.record).map_err(failed)?,
            Format::Yaml => printer::yaml(&self.record).map_err(failed)?,
            Format::Sarif => printer::sarif(self).map_err(failed)?,
            Format::Junit => printer::junit(self),
            Format::Markdown => printer::markdown(self),
        })
    }

    /// Appends the summary to the job page of GitHub Actions when this is one.
    pub(crate) fn append_to_job_page(
        &self,
        environment: &crate::environment::Environment,
        terminal: &Terminal,
    ) {
        let Some(page) = environment.get("GITHUB_STEP_SUMMARY").filter(|page| !page.is_empty())
        else {
            return;
        };
        let appended =
            fs::OpenOptions::new().create(true).append(true).open(page).and_then(|mut file| {
                std::io::Write::write_all(&mut file, printer::markdown(self).as_bytes())
            });
        if let Err(error) = appended {
            terminal.say(&format!("warning: the job page could not be written: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_report_may_go_to_the_standard_output() {
        for (outputs, good) in [
            (vec![], true),
            (vec!["json"], true),
            (vec!["table", "sarif=a", "junit=b"], true),
            (vec!["table", "json"], false),
        ] {
            let outputs: Vec<Output> = outputs.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(check(&outputs).is_ok(), good, "{outputs:?}");
        }
    }
}
