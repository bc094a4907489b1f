//! What is next, in a project with much to do: `GetAgenda` beside the queries that it cannot do
//! without, by one caller each.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, ensure};
use potts::proto;
use tokio_postgres::{Client, Statement};

use crate::cluster::connect;
use crate::grpc::GrpcSide;
use crate::measure::{Figures, Span, closed_loop};
use crate::work::PROJECT;

/// Half of the calls may take so many times what half of the raw queries take.
pub const P50_MAX: f64 = 2.0;

/// How many actions are held, and how many wait for each of those.
const HELD: u32 = 500;
const DEPENDENTS: u32 = 4;

/// What the template lacks: every second issue has other owners, some actions are held, and others
/// wait for those.
fn fill() -> String {
    format!(
        "update issues set owner = case when number % 2 = 0 then 'actors/root'
                else 'actors/o' || number % 500 end,
                due_at = case when number % 3 = 0
                    then potts_now() + make_interval(hours => number::int % 2000) end;
         create temporary table busy as select action_id, row_number() over (order by vkey) as n
           from ready_actions order by vkey limit {HELD} * ({DEPENDENTS} + 1);
         delete from ready_actions r using busy s where r.action_id = s.action_id;
         insert into action_leases (action_id, fence, actor, claimed_at, step, note, vkey)
         select action_id, 1, case when n % 20 = 0 then 'actors/root' else 'actors/o' || n % 77 end,
                potts_now(), '', '', n from busy where n <= {HELD};
         insert into action_waits (action_id, reason, unmet)
         select action_id, 'DEPENDENCIES', 1 from busy where n > {HELD};
         insert into dependencies (action_id, ordinal, on_kind, on_uid, on_issue, on_number,
                satisfy, met, unsatisfiable)
         select s.action_id, 0, 'ACTION', t.action_id, 1, 1, 'SUCCESS_OR_SKIP', false, false
           from busy s join busy t on t.n = s.n % {HELD} + 1 where s.n > {HELD};
         analyze"
    )
}

/// The raw queries, one a bucket: of what is there, as plainly as the indexes allow.
const RAW: [&str; 6] = [
    "select a.*, i.title, l.claimed_at from action_leases l join actions a on a.uid = l.action_id
       join issues i on i.project = a.project and i.number = a.issue
      where l.actor = 'actors/root' and i.active and i.closed_at is null
      order by l.started_at is null, l.claimed_at limit 20",
    "select a.*, i.title, (select count(*) from dependencies d where d.on_kind = 'ACTION'
            and d.on_uid = a.uid and not d.met) as n
       from lines l cross join lateral (select * from ready_actions r where r.line_id = l.line_id
            order by r.vkey, r.action_id limit $1) r join actions a on a.uid = r.action_id
       join issues i on i.project = a.project and i.number = a.issue
      where i.active and i.closed_at is null
      order by nullif(a.priority, 0), a.due_at, n desc, a.created_at, a.number limit 20",
    "select a.*, i.title, (select count(*) from dependencies d where d.on_kind = 'ACTION'
            and d.on_uid = a.uid and not d.met) as n
       from action_leases l join dependencies d on d.on_kind = 'ACTION' and d.on_uid = l.action_id
            and not d.met
       join action_waits w on w.action_id = d.action_id join actions a on a.uid = d.action_id
       join issues i on i.project = a.project and i.number = a.issue
      where i.active and i.closed_at is null and w.unmet = 1
      order by nullif(a.priority, 0), a.due_at, n desc, a.created_at, a.number limit 20",
    "select i.* from (select * from issues i where i.closed_at is null and i.deleted_at is null
            and i.active order by i.project, (case when priority = 0 then 6 else priority end),
            i.due_at, i.created_at, i.number limit $1) i
      where i.category = 'TRIAGE' or not exists (select from actions a where a.project = i.project
            and a.issue = i.number and a.ended_state is null) limit 20",
    "select i.* from (select * from issues i where i.owner = 'actors/root' and i.closed_at is null
            and i.deleted_at is null and i.active and i.updated_at > potts_now() - interval '7 d'
            order by i.updated_at desc limit $1) i
      order by nullif(i.priority, 0), i.due_at, i.created_at, i.number limit 40",
    "select i.* from (select * from issues i where i.owner = 'actors/root' and i.closed_at is null
            and i.deleted_at is null and i.active and i.due_at <= potts_now() + interval '7 d'
            order by i.due_at limit $1) i
      order by nullif(i.priority, 0), i.due_at, i.created_at, i.number limit 60",
];

/// A session with the queries prepared.
#[derive(Debug)]
pub struct Raw {
    client: Client,
    statements: Vec<Statement>,
}

impl Raw {
    /// Fills a database of the template, and prepares.
    pub async fn prepare(url: &str) -> Result<Raw> {
        let client = connect(url).await?;
        client.batch_execute(&fill()).await.context("cannot fill the agendas")?;
        let mut statements = Vec::new();
        for query in RAW {
            statements.push(client.prepare(query).await?);
        }
        Ok(Raw { client, statements })
    }

    /// All queries in one snapshot; answers how many rows came.
    async fn read(&self) -> Result<usize> {
        // As many as the service looks at for somebody with so many projects.
        let look = 100_i64;
        let mut rows = 0;
        self.client.batch_execute("begin isolation level repeatable read read only").await?;
        for statement in &self.statements {
            let found = match statement.params().len() {
                0 => self.client.query(statement, &[]).await?,
                _ => self.client.query(statement, &[&look]).await?,
            };
            rows += found.len();
        }
        self.client.batch_execute("commit").await?;
        Ok(rows)
    }
}

/// One caller of the raw queries.
pub async fn raw(raw: &Arc<Raw>, span: Span) -> Result<Figures> {
    closed_loop(1, span, |_| {
        let raw = Arc::clone(raw);
        move || {
            let raw = Arc::clone(&raw);
            async move {
                ensure!(raw.read().await? >= 100, "the raw queries found too little");
                Ok(())
            }
        }
    })
    .await
}

/// One caller of `GetAgenda`.
pub async fn grpc(side: &GrpcSide, span: Span) -> Result<Figures> {
    let mut client = Some(side.issues(0)?);
    closed_loop(1, span, |_| {
        let issues = client.take();
        move || {
            let issues = issues.clone();
            async move {
                let mut issues = issues.ok_or_else(|| anyhow!("there is one caller"))?;
                let request = proto::GetAgendaRequest::default();
                let agenda = issues.get_agenda(request).await?.into_inner();
                ensure!(agenda.parallel.len() == 20, "{PROJECT} has much that is ready");
                ensure!(agenda.now.len() == 20 && agenda.next.len() == 20, "{PROJECT} is busy");
                Ok(())
            }
        }
    })
    .await
}
