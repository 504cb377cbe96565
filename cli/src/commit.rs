//! The source commit that is being built.

use std::path::Path;

use engine::Timestamp;
use engine::run::Commit;

use crate::runner::without_credentials;

/// The commit that `HEAD` of the repository around `directory` points at; nothing outside a repository.
pub(crate) fn head(directory: &Path) -> Option<Commit> {
    let repository = gix::discover(directory).ok()?;
    let commit = repository.head_commit().ok()?;
    let author = commit.author().ok()?;
    let title = commit.message().ok().map(|message| message.title.to_string().trim().to_owned());
    let committed =
        commit.time().ok().map(|time| Timestamp::from_millis(time.seconds.saturating_mul(1000)));
    let remotes = repository
        .remote_names()
        .into_iter()
        .filter_map(|name| {
            let remote = repository.find_remote(&*name).ok()?;
            let url = remote.url(gix::remote::Direction::Fetch)?.to_bstring().to_string();
            Some((name.to_string(), without_credentials(url)))
        })
        .collect();
    Some(Commit {
        id: commit.id().to_hex().to_string(),
        author: Some(format!("{} <{}>", author.name, author.email)),
        committed_at: committed,
        title,
        remotes,
    })
}
