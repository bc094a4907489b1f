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
use crate::work::{ISSUES, MOVED_EACH, NOTE, PROJECT, SLOTS, TITLE, Work, event_body, hex};

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
        Work::Transition => transition(),
        Work::Claim => claim(),
        Work::ClaimMany => claim_many(),
    };
    match travel {
        Travel::Plain => format!("{numbers}begin;\n{statements}commit;\n"),
        Travel::Pipeline => {
            format!("{numbers}\\startpipeline\nbegin;\n{statements}commit;\n\\endpipeline\n")
        }
    }
}

/// Behind the name of a parent: the number of an action, as a script knows it.
const OF_ACTION: &str = ":issue || '/actions/' || :number";

/// What the ledger reads of an issue.
const COLUMNS: &str = "project, number, uid, version, created_at, updated_at, creator, title, \
    description, workflow, status, resolution, priority, parameters, annotations, due_at, \
    milestone, closed_at, step, deleted_at, issue_type, issue_type_revision, kind, \
    workflow_revision, category, visible_to, active, owner, assignees, parent, thread, depth, \
    open_children, tags, dedup_key";

fn update() -> (String, String) {
    let numbers = format!(
        "\\set number random(1, {ISSUES})\n\
         \\set priority random(1, 5)\n\
         \\set note random(1, 1000000000)\n"
    );
    let changed = format!(
        "status = 'open', category = 'TODO', priority = :priority, parameters = \
         ('{{\"note\": \"' || :note || ' {NOTE}\"}}')::jsonb, step = 0"
    );
    (numbers, changes(&changed, "issue.updated"))
}

/// Each caller moves issues of its own to and fro.
fn transition() -> (String, String) {
    let numbers = format!(
        "\\set place random(1, {MOVED_EACH})\n\
         \\set number :client_id * {MOVED_EACH} + :place\n"
    );
    let changed = "status = case status when 'open' then 'in_progress' else 'open' end, category = \
                   case status when 'open' then 'IN_PROGRESS' else 'TODO' end, priority = 3, \
                   parameters = parameters, step = step + 1";
    (numbers, changes(changed, "issue.transitioned"))
}

/// The columns that the ledger writes when an issue changes, and what follows.
fn changes(changed: &str, event: &str) -> String {
    format!(
        "select {COLUMNS} from issues \
         where project = '{PROJECT}' and number = :number for no key update;\n\
         update issues set version = version + 1, updated_at = potts_now(), title = '{TITLE}', \
         description = '', resolution = '', annotations = '{{}}', due_at = null, milestone = '', \
         closed_at = null, deleted_at = null, issue_type_revision = 0, workflow_revision = 0, \
         visible_to = null, active = true, owner = owner, assignees = '{{}}', parent = null, \
         thread = thread, depth = 0, open_children = 0, tags = '{{}}', dedup_key = '', {changed} \
         where project = '{PROJECT}' and number = :number;\n{}",
        appends(&format!("'projects/{PROJECT}"), ":number", event)
    )
}

fn create() -> (String, String) {
    let numbers = "\\set priority random(1, 5)\n\\set note random(1, 1000000000)\n".to_owned();
    let statements = format!(
        "update counters set last = last + 1, live = live + 1 \
         where parent = 'projects/p' || :client_id and noun = 'issues' \
         returning last as issues \\gset\n\
         insert into issues ({COLUMNS}) values ('p' || :client_id, :issues, \
         gen_random_uuid(), 1, potts_now(), potts_now(), 'actors/root', '{TITLE}', '', 'simple', \
         'open', '', :priority, ('{{\"note\": \"' || :note || ' {NOTE}\"}}')::jsonb, '{{}}', null, \
         '', null, 0, null, 'task', 0, 'TASK', 0, 'TODO', null, true, 'actors/root', '{{}}', null, \
         :issues, 0, 0, '{{}}', '');\n{}",
        appends("'projects/p' || :client_id || '", ":issues", "issue.created")
    );
    (numbers, statements)
}

/// Two transactions, as a worker makes them: one claims, one completes.
fn claim() -> (String, String) {
    let statements = format!(
        "select r.action_id as id from ready_actions r order by r.line_id, r.vkey, r.action_id \
         limit 1 for update skip locked \\gset\n\
         delete from ready_actions where action_id = :id;\n\
         update actions set version = version + 1, updated_at = potts_now(), attempt = \
         attempt + 1, step = step + 1 where uid = :id returning issue, number \\gset\n\
         insert into action_leases (action_id, fence, actor, claimed_at, deadline_at, step, note, \
         vkey) values (:id, 1, 'actors/root', potts_now(), potts_now() + interval '30 s', '', \
         '', 1);\n{claimed}{completes}",
        claimed = appends(&format!("'projects/{PROJECT}"), OF_ACTION, "action.claimed"),
        completes = complete(":id"),
    );
    (String::new(), statements)
}

/// One transaction claims many, by sets; then one completes each.
fn claim_many() -> (String, String) {
    let body = hex(&event_body());
    let project = format!("projects/{PROJECT}");
    let claim = format!(
        "with next as materialized (select r.action_id from ready_actions r \
         order by r.line_id, r.vkey, r.action_id limit {SLOTS} for update skip locked), \
         gone as (delete from ready_actions where action_id in (select action_id from next)), \
         claimed as (update actions set version = version + 1, updated_at = potts_now(), \
         attempt = attempt + 1, step = step + 1 where uid in (select action_id from next) \
         returning uid, issue, number), \
         leased as (insert into action_leases (action_id, fence, actor, claimed_at, deadline_at, \
         step, note, vkey) select uid, 1, 'actors/root', potts_now(), \
         potts_now() + interval '30 s', '', '', 1 from claimed), \
         asked as (insert into requests (caller, request_id, fingerprint, names, changed, \
         last_seq, created_at) values ('actors/root', gen_random_uuid(), \
         '\\x00112233445566778899aabbccddeeff', array['{project}'], true, 0, potts_now())), \
         told as (insert into events (seq, event_id, project, root, subject, version, type, \
         class, ends_command, recorded_at, body) select nextval('bench_seq'), gen_random_uuid(), \
         '{project}', '{project}/issues/' || issue, '{project}/issues/' || issue || '/actions/' || \
         number, 2, 'action.claimed', 1, true, potts_now(), '\\x{body}' from claimed) \
         select array_agg(uid) as ids from claimed \\gset\n"
    );
    let completed = (1..=SLOTS).map(|place| complete(&format!("(:ids::uuid[])[{place}]")));
    (String::new(), claim + &completed.collect::<String>())
}

/// The next transaction: it completes an action that is held.
fn complete(id: &str) -> String {
    format!(
        "commit;\nbegin;\n\
         select issue, number from actions where uid = {id} for no key update \\gset\n\
         delete from action_leases where action_id = {id};\n\
         insert into attempts (action_id, number, actor, claimed_at, ended_at, step, outcome) \
         values ({id}, 1, 'actors/root', potts_now(), potts_now(), '', 'SUCCEEDED');\n\
         update actions set version = version + 1, updated_at = potts_now(), step = step + 1, \
         last_outcome = 'SUCCEEDED', ended_at = potts_now(), ended_state = 'SUCCEEDED' \
         where uid = {id};\n{}",
        appends(&format!("'projects/{PROJECT}"), OF_ACTION, "action.completed")
    )
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
