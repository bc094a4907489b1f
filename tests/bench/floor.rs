//! The floor: the same work without Potts, by the programs that come with `PostgreSQL`.
//!
//! `pgbench` runs the SQL of a command as one transaction a caller. Its log is unordered: a
//! sequence gives the numbers, nobody takes the order lock, nothing is replayed or compared.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use crate::measure::{Figures, Span};
use crate::work::{ISSUES, NOTE, PROJECT, TITLE, Work, event_body, hex};

/// A program that takes this much longer than it was told hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How statements travel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Travel {
    /// One round trip a statement.
    Plain,
    /// One round trip a transaction.
    Pipeline,
}

/// The programs, and what they run.
#[derive(Debug)]
pub struct Floor {
    pgbench: PathBuf,
    psql: PathBuf,
    files: TempDir,
}

impl Floor {
    /// Looks for the programs beside the server's and in PATH. None if they are not installed.
    pub fn find(binaries: &Path) -> Result<Option<Floor>> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(binaries.to_path_buf()).chain(std::env::split_paths(&path));
        let folders: Vec<PathBuf> = folders.collect();
        let find = |program: &str| {
            folders.iter().map(|folder| folder.join(program)).find(|path| path.is_file())
        };
        let (Some(pgbench), Some(psql)) = (find("pgbench"), find("psql")) else {
            return Ok(None);
        };
        Ok(Some(Floor { pgbench, psql, files: TempDir::new()? }))
    }

    /// Lets so many callers do the work.
    pub async fn run(
        &self,
        url: &str,
        (work, travel): (Work, Travel),
        callers: usize,
        span: Span,
    ) -> Result<Figures> {
        let script = self.files.path().join("script.sql");
        std::fs::write(&script, script_of(work, travel))?;
        let log = tempfile::tempdir_in(self.files.path())?;
        let output = Command::new(&self.pgbench)
            .args(["--no-vacuum", "--protocol=prepared", "--log"])
            .arg(format!("--client={callers}"))
            .arg(format!("--jobs={}", callers.min(2)))
            .arg(format!("--time={}", span.whole.as_secs()))
            .arg(format!("--file={}", script.display()))
            .arg(format!("--log-prefix={}", log.path().join("log").display()))
            .arg(url)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        check(timeout(span.whole + PATIENCE, output).await??)?;
        read_logs(log.path(), span).context("cannot read the log of pgbench")
    }

    /// How many events a second leave the log by the fastest way that there is.
    pub async fn copy(&self, url: &str, events: u32, format: &str) -> Result<f64> {
        let copy =
            format!("copy (select seq, body from events order by seq) to stdout (format {format})");
        let began = Instant::now();
        let output = Command::new(&self.psql)
            .args(["--no-psqlrc", "--quiet", "--command"])
            .args([&copy, url])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .output();
        check(timeout(PATIENCE, output).await??)?;
        Ok(f64::from(events) / began.elapsed().as_secs_f64())
    }
}

fn check(output: Output) -> Result<()> {
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}", output.status, said.trim());
    }
    Ok(())
}

/// One line a transaction: client, number, microseconds it took, script, then when it ended, as
/// seconds and microseconds.
fn read_logs(folder: &Path, span: Span) -> Result<Figures> {
    let mut calls: Vec<(f64, f64)> = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let text = std::fs::read_to_string(file?.path())?;
        for line in text.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [_, _, took_us, _, seconds, micros, ..] = fields.as_slice() else {
                bail!("a line of another form: {line}");
            };
            let ended = seconds.parse::<f64>()? + micros.parse::<f64>()? / 1e6;
            calls.push((ended, took_us.parse::<f64>()? / 1e3));
        }
    }
    // The clock of the run starts when the first transaction does.
    let began = calls.iter().map(|(ended, took_ms)| ended - took_ms / 1e3);
    let began = began.min_by(f64::total_cmp).context("nothing was done")?;
    let counts = began + span.warm_up.as_secs_f64()..began + span.whole.as_secs_f64();
    let took_ms = calls.iter().filter(|(ended, _)| counts.contains(ended)).map(|(_, took)| *took);
    Ok(Figures::of(took_ms.collect(), span.counted()))
}

fn script_of(work: Work, travel: Travel) -> String {
    let (numbers, statements) = match work {
        Work::Update => update(),
        Work::Create => create(),
        Work::Claim => claim(),
    };
    match travel {
        Travel::Plain => format!("{numbers}begin;\n{statements}commit;\n"),
        Travel::Pipeline => {
            format!("{numbers}\\startpipeline\nbegin;\n{statements}commit;\n\\endpipeline\n")
        }
    }
}

/// The columns that the ledger writes when an issue changes.
fn update() -> (String, String) {
    let numbers = format!(
        "\\set number random(1, {ISSUES})\n\
         \\set priority random(1, 5)\n\
         \\set note random(1, 1000000000)\n"
    );
    let statements = format!(
        "select project, number, uid, version, created_at, updated_at, creator, title, \
         description, workflow, status, resolution, priority, parameters, annotations, due_at, \
         milestone, closed_at, step, deleted_at from issues \
         where project = '{PROJECT}' and number = :number for no key update;\n\
         update issues set version = version + 1, updated_at = potts_now(), title = '{TITLE}', \
         description = '', status = 'open', resolution = '', priority = :priority, parameters = \
         ('{{\"note\": \"' || :note || ' {NOTE}\"}}')::jsonb, annotations = '{{}}', due_at = null, \
         milestone = '', closed_at = null, step = 0, deleted_at = null \
         where project = '{PROJECT}' and number = :number;\n{}",
        appends(&format!("'projects/{PROJECT}"), ":number", "issue.updated")
    );
    (numbers, statements)
}

fn create() -> (String, String) {
    let numbers = "\\set priority random(1, 5)\n\\set note random(1, 1000000000)\n".to_owned();
    let statements = format!(
        "update counters set last = last + 1, live = live + 1 \
         where parent = 'projects/p' || :client_id and noun = 'issues' \
         returning last as issues \\gset\n\
         insert into issues (project, number, uid, version, created_at, updated_at, creator, \
         title, description, workflow, status, resolution, priority, parameters, annotations, \
         due_at, milestone, closed_at, step, deleted_at) values ('p' || :client_id, :issues, \
         gen_random_uuid(), 1, potts_now(), potts_now(), 'actors/root', '{TITLE}', '', 'simple', \
         'open', '', :priority, ('{{\"note\": \"' || :note || ' {NOTE}\"}}')::jsonb, '{{}}', null, \
         '', null, 0, null);\n{}",
        appends("'projects/p' || :client_id || '", ":issues", "issue.created")
    );
    (numbers, statements)
}

/// Two transactions, as a worker makes them: one claims, one completes.
fn claim() -> (String, String) {
    let project = format!("'projects/{PROJECT}");
    let of_action = ":issue || '/actions/' || :number";
    let statements = format!(
        "select r.action_id as id from ready_actions r order by r.line_id, r.vkey, r.action_id \
         limit 1 for update skip locked \\gset\n\
         delete from ready_actions where action_id = :id;\n\
         update actions set version = version + 1, updated_at = potts_now(), attempt = attempt + 1, \
         step = step + 1 where uid = :id returning issue, number \\gset\n\
         insert into action_leases (action_id, fence, actor, claimed_at, deadline_at, step, note, \
         vkey) values (:id, 1, 'actors/root', potts_now(), potts_now() + interval '30 s', '', \
         '', 1);\n{claimed}commit;\nbegin;\n\
         select uid, version from actions where uid = :id for no key update;\n\
         delete from action_leases where action_id = :id;\n\
         insert into attempts (action_id, number, actor, claimed_at, ended_at, step, outcome) \
         values (:id, 1, 'actors/root', potts_now(), potts_now(), '', 'SUCCEEDED');\n\
         update actions set version = version + 1, updated_at = potts_now(), step = step + 1, \
         last_outcome = 'SUCCEEDED', ended_at = potts_now(), ended_state = 'SUCCEEDED' \
         where uid = :id;\n{completed}",
        claimed = appends(&project, of_action, "action.claimed"),
        completed = appends(&project, of_action, "action.completed"),
    );
    (String::new(), statements)
}

/// A row of `requests` and one of `events`; `project` is an open literal.
fn appends(project: &str, number: &str, kind: &str) -> String {
    let body = hex(&event_body());
    format!(
        "insert into requests (caller, request_id, fingerprint, names, changed, last_seq, \
         created_at) values ('actors/root', gen_random_uuid(), \
         '\\x00112233445566778899aabbccddeeff', array[{project}/issues/' || {number}], true, \
         nextval('bench_seq'), potts_now());\n\
         insert into events (seq, event_id, project, root, subject, version, type, class, \
         ends_command, recorded_at, body) values (currval('bench_seq'), gen_random_uuid(), \
         {project}', {project}/issues/' || {number}, {project}/issues/' || {number}, 2, '{kind}', \
         1, true, potts_now(), '\\x{body}');\n"
    )
}
