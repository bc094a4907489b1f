//! Pages of a project with very many issues, of which the reader sees some: `ListIssues` beside
//! the statement that it cannot do without, by one caller each.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, ensure};
use potts::proto;
use tokio_postgres::{Client, Statement};

use crate::cluster::connect;
use crate::grpc::{GrpcSide, Issues};
use crate::measure::{Figures, Span, closed_loop};
use crate::work::{ISSUES, NOTE, PROJECT, TITLE};

/// Half of the calls may take so many times what half of the statements take.
pub const P50_MAX: f64 = 2.0;
/// Half of the calls for a late page may take so many times what half of those for the first take.
pub const LATE_MAX: f64 = 1.2;
/// A page that is far behind.
pub const LATE_PAGE: usize = 1_000;

const PAGE: usize = 50;
/// What is asked for by a page while a late one is looked for.
const STRIDE: usize = 1_000;
const READER: &str = "actors/reader";
const GROUP: &str = "groups/readers";
const FILTER: &str = "status = \"open\" AND priority <= 2";

/// A quarter is for a group that the reader is in, a quarter for another; one of three is under
/// way.
fn fill(issues: u32) -> String {
    format!(
        "insert into issues (project, number, uid, version, created_at, updated_at, creator, title,
                description, workflow, status, category, resolution, priority, parameters,
                annotations, milestone, step, owner, thread, visible_to)
         select '{PROJECT}', n, gen_random_uuid(), 1, potts_now(), potts_now(), 'actors/root',
                '{TITLE}', '', 'simple', case when n % 3 = 0 then 'in_progress' else 'open' end,
                case when n % 3 = 0 then 'IN_PROGRESS' else 'TODO' end, '', n % 5 + 1,
                jsonb_build_object('note', n || ' {NOTE}'), '{{}}', '', 0, 'actors/root', n,
                case n % 4 when 0 then array['{GROUP}'] when 1 then array['groups/others'] end
           from generate_series({ISSUES} + 1, {issues}) as n;
         update counters set last = {issues}, live = {issues}
          where parent = 'projects/{PROJECT}' and noun = 'issues';"
    )
}

/// The statement: filter, visibility and place, as the service asks.
fn statement() -> String {
    format!(
        "select i.* from issues i where i.project = '{PROJECT}' and i.deleted_at is null
            and (i.visible_to is null or i.visible_to && array['{READER}', '{GROUP}']
                 or i.assignees && array['{READER}', '{GROUP}']
                 or i.number in (select a.issue from action_leases l join actions a
                    on a.uid = l.action_id where l.actor in ('{READER}', '{GROUP}')
                    and a.project = '{PROJECT}'))
            and i.status = 'open' and i.priority <= 2 and i.number > $1
          order by i.number limit {PAGE} + 1"
    )
}

/// Where a page begins.
#[derive(Clone, Debug, Default)]
pub struct Place {
    token: String,
    after: i64,
}

impl Place {
    /// The place of a page, by going there.
    pub async fn page(lister: &Lister, page: usize) -> Result<Place> {
        let mut place = Place::default();
        let mut before = (page - 1) * PAGE;
        while before > 0 {
            let size = before.min(STRIDE);
            let issues = lister.page(&place.token, size).await?;
            let last = issues.issues.last().context("there are too few issues")?;
            let number = last.name.rsplit('/').next().unwrap_or_default();
            place = Place { after: number.parse()?, token: issues.next_page_token };
            before -= issues.issues.len();
        }
        ensure!(!place.token.is_empty(), "there is no page {page}");
        Ok(place)
    }
}

/// Somebody who sees a part.
#[derive(Clone, Debug)]
pub struct Lister(Issues);

impl Lister {
    /// Makes the actor, in a group, and its token.
    pub async fn start(side: &GrpcSide) -> Result<Lister> {
        let mut actors = side.actors()?;
        let id = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        let actor = proto::CreateActorRequest {
            actor_id: id(READER),
            actor: Some(proto::Actor {
                kind: proto::ActorKind::Person.into(),
                ..proto::Actor::default()
            }),
            ..proto::CreateActorRequest::default()
        };
        actors.create_actor(actor).await?;
        let group = proto::CreateGroupRequest {
            group_id: id(GROUP),
            group: Some(proto::Group {
                kind: proto::GroupKind::Team.into(),
                members: vec![READER.into()],
                ..proto::Group::default()
            }),
            ..proto::CreateGroupRequest::default()
        };
        actors.create_group(group).await?;
        let member = proto::CreateMemberRequest {
            parent: format!("projects/{PROJECT}"),
            member: Some(proto::Member {
                member: GROUP.into(),
                role: proto::Role::Viewer.into(),
                ..proto::Member::default()
            }),
            ..proto::CreateMemberRequest::default()
        };
        side.projects()?.create_member(member).await?;
        let credential = proto::CreateCredentialRequest {
            parent: READER.into(),
            ..proto::CreateCredentialRequest::default()
        };
        let created = actors.create_credential(credential).await?.into_inner();
        Ok(Lister(side.issues_of(&created.token)?))
    }

    async fn page(&self, token: &str, size: usize) -> Result<proto::ListIssuesResponse> {
        let request = proto::ListIssuesRequest {
            parent: format!("projects/{PROJECT}"),
            page_size: i32::try_from(size)?,
            page_token: token.to_owned(),
            filter: FILTER.into(),
            ..proto::ListIssuesRequest::default()
        };
        Ok(self.0.clone().list_issues(request).await?.into_inner())
    }
}

/// A session with the statement prepared.
#[derive(Debug)]
pub struct Raw {
    client: Client,
    page: Statement,
}

impl Raw {
    /// Fills a database of the template, and prepares.
    pub async fn prepare(url: &str, issues: u32) -> Result<Raw> {
        let client = connect(url).await?;
        client.batch_execute(&fill(issues)).await.context("cannot fill the project")?;
        client.batch_execute("vacuum (analyze) issues").await?;
        let page = client.prepare(&statement()).await?;
        Ok(Raw { client, page })
    }
}

/// One caller of the statement.
pub async fn raw(raw: &Arc<Raw>, place: &Place, span: Span) -> Result<Figures> {
    let after = place.after;
    closed_loop(1, span, |_| {
        let raw = Arc::clone(raw);
        move || {
            let raw = Arc::clone(&raw);
            async move {
                let rows = raw.client.query(&raw.page, &[&after]).await?;
                ensure!(rows.len() == PAGE + 1, "the statement found too little");
                Ok(())
            }
        }
    })
    .await
}

/// One caller of `ListIssues`.
pub async fn grpc(lister: &Lister, place: &Place, span: Span) -> Result<Figures> {
    let mut callers = Some((lister.clone(), place.token.clone()));
    closed_loop(1, span, |_| {
        let caller = callers.take();
        move || {
            let caller = caller.clone();
            async move {
                let (lister, token) = caller.ok_or_else(|| anyhow!("there is one caller"))?;
                let issues = lister.page(&token, PAGE).await?.issues;
                ensure!(issues.len() == PAGE, "a page is full");
                Ok(())
            }
        }
    })
    .await
}
