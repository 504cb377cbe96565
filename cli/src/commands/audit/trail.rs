//! Walking a trail line by line, from a file or from a server, in memory that does not depend on its length.

use std::path::Path;

use engine::audit::{Chain, Head, Line};
use tokio::fs::File;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio_util::io::StreamReader;

use crate::client::Client;
use crate::exit::{Exit, Failure, Result};

/// Longest line, in bytes: an event keeps at most three values of 16 KiB.
const LINE_BYTES_MAX: u64 = 256 << 10;

/// A trail that is being read.
pub(super) struct Trail {
    reader: Box<dyn AsyncBufRead + Unpin>,
    source: String,
    interrupted: Exit,
    chain: Chain,
    number: u64,
    broken: Option<String>,
    ended: bool,
    cut: bool,
    /// How many bytes whole entries take, from the beginning.
    entries_bytes: u64,
}

/// What became of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Walked {
    /// Everything fits, up to the end.
    Intact(Option<Head>),
    /// The first thing that does not fit.
    Broken(String),
    /// Everything fits, and there is no end.
    Cut(Option<Head>),
}

impl Trail {
    /// The trail in an exported file.
    pub(super) async fn of_file(file: &Path, chain: Chain) -> Result<Self> {
        let source = file.display().to_string();
        let failed = |error| Failure::usage(format!("cannot read {}: {error}", file.display()));
        let reader = BufReader::new(File::open(file).await.map_err(failed)?);
        Ok(Self::new(Box::new(reader), source, Exit::Usage, chain))
    }

    /// The server's trail after `after`.
    pub(super) async fn of_server(client: &Client, chain: Chain, after: u64) -> Result<Self> {
        let stream = client.stream(&format!("/v1/audit/trail?after={after}")).await?;
        let reader = StreamReader::new(stream);
        Ok(Self::new(Box::new(reader), client.server().to_owned(), Exit::TryAgain, chain))
    }

    fn new(
        reader: Box<dyn AsyncBufRead + Unpin>,
        source: String,
        interrupted: Exit,
        chain: Chain,
    ) -> Self {
        let (number, broken, ended, cut, entries_bytes) = (0, None, false, false, 0);
        Self { reader, source, interrupted, chain, number, broken, ended, cut, entries_bytes }
    }

    /// The next line as it stands; none after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.reader).take(LINE_BYTES_MAX);
        let read = bounded.read_until(b'\n', &mut line).await.map_err(|error| {
            Failure::new(
                self.interrupted,
                format!("{}: the trail was interrupted: {error}", self.source),
            )
        })?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if line.last() != Some(&b'\n')
            && line.len() < usize::try_from(LINE_BYTES_MAX).unwrap_or(usize::MAX)
        {
            self.cut = true;
            return Ok(None);
        }
        self.take(&line);
        Ok(Some(line))
    }

    /// Holds a line against the chain. After the first that does not fit nothing is.
    fn take(&mut self, line: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        if self.ended {
            self.broken = Some(format!("line {} stands after the end of the trail", self.number));
            return;
        }
        let taken = match serde_json::from_slice::<Line>(line) {
            Ok(line) => self.chain.line(&line).map_err(|broken| broken.to_string()),
            Err(error) => Err(format!(
                "event {} was altered: line {} does not read as an event: {error}",
                self.chain.len() + 1,
                self.number
            )),
        };
        match taken {
            Ok(ended) => self.ended = ended,
            Err(broken) => self.broken = Some(broken),
        }
        if self.broken.is_none() && !self.ended {
            self.entries_bytes += u64::try_from(line.len()).unwrap_or(u64::MAX);
        }
    }

    /// What became of the walk.
    pub(super) fn walked(self) -> Walked {
        match (self.broken, self.ended && !self.cut) {
            (Some(broken), _) => Walked::Broken(broken),
            (None, true) => Walked::Intact(self.chain.head()),
            (None, false) => Walked::Cut(self.chain.head()),
        }
    }

    /// The walk so far, to go on with elsewhere, and how many bytes its entries take.
    pub(super) fn paused(self) -> std::result::Result<(Chain, u64), String> {
        match self.broken {
            Some(broken) => Err(broken),
            None => Ok((self.chain, self.entries_bytes)),
        }
    }
}
