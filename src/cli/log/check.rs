//! `potts log check`: whether the log has all its events, and its archives are what was exported.

use std::path::{Path, PathBuf};

use super::{Check, Database, unreachable, unreadable};
use crate::archive::{Contents, path_of, verify};
use crate::cli::{Exit, Failure, Output};
use crate::config::Config;
use crate::domain::event::Seq;
use crate::store::{Archive, PARTITION_EVENTS, Store};

impl Check {
    /// Looks, and says what was found.
    pub(super) async fn run(self, config: &Config, output: &mut Output<'_>) -> Result<(), Failure> {
        if let Some(path) = self.archive {
            let contents = verify(&path).map_err(unreadable)?;
            return say(output, true, &path.display().to_string(), &told(&contents));
        }
        let database = Database::open(config).await?;
        let checked = check(&database.store, output).await;
        database.close().await?;
        match checked? {
            0 => Ok(()),
            wrong => {
                let summary = format!("{wrong} of these are not as they should be");
                Err(Failure::Some { exit: Exit::Refused, summary })
            }
        }
    }
}

fn say(output: &mut Output<'_>, is_well: bool, what: &str, found: &str) -> Result<(), Failure> {
    let mark = if is_well { "ok  " } else { "FAIL" };
    Ok(writeln!(output.out, "{mark} {what}: {found}")?)
}

fn told(contents: &Contents) -> String {
    match contents.stretch {
        Some((first, last)) => format!("{} events, {first} to {last}", contents.events),
        None => "no events".into(),
    }
}

/// Answers how much is not well.
async fn check(store: &Store, output: &mut Output<'_>) -> Result<usize, Failure> {
    let mut wrong = 0;
    for (index, archive) in store.archives().await.map_err(unreachable)? {
        let found = archived(index, &archive);
        wrong += usize::from(found.is_err());
        let (is_well, found) = match found {
            Ok(contents) => (true, told(&contents)),
            Err(problem) => (false, problem),
        };
        say(output, is_well, &archive.uri, &found)?;
    }
    let log = store.log_state(Seq(0)).await.map_err(unreachable)?;
    let mut at = Seq(log.oldest.0 - 1);
    while at < log.head {
        // One partition after the other, each of which has its own index.
        let end = Seq((at.0 + 1) / PARTITION_EVENTS * PARTITION_EVENTS + PARTITION_EVENTS - 1);
        let to = end.min(log.head);
        let count = store.count_events(at, to).await.map_err(unreachable)?;
        let is_well = count == to.0 - at.0;
        wrong += usize::from(!is_well);
        let what = format!("the log from {} to {to}", at.next());
        let found = if is_well {
            format!("{count} events")
        } else {
            format!("{count} events of {}", to.0 - at.0)
        };
        say(output, is_well, &what, &found)?;
        at = to;
    }
    Ok(wrong)
}

/// What an archive holds, or what is wrong with it.
fn archived(index: i64, archive: &Archive) -> Result<Contents, String> {
    let path: PathBuf = path_of(&archive.uri).ok_or("is not a file of this machine")?;
    let contents = verify(Path::new(&path)).map_err(|error| format!("{error:#}"))?;
    if contents.sha256[..] != archive.sha256 || contents.events != archive.events {
        return Err(format!("is not the file that partition {index} was exported to"));
    }
    Ok(contents)
}
