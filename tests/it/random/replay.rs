//! Rebuilding what there is from the log alone.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use potts::proto::{
    GetActionRequest, GetIssueRequest, ListCommentsRequest, ListIssueRelationsRequest,
    ListIssuesRequest, ListReferencesRequest,
};
use serde_json::Value;
use tonic::Code;

use super::json::{self, plain};
use super::log::{self, Command, Entry};
use super::order;
use super::rng;
use super::rows::{compare_action, compare_issue};
use super::town::{CALLERS, Town};
use crate::support::TestApp;
use crate::support::app::PATIENCE;
use crate::support::eventually;

/// What the log has told of one thing.
#[derive(Clone, Debug)]
pub struct Thing {
    pub version: i64,
    pub step: i64,
    pub creator: String,
    pub created_at: Value,
    pub changed_at: Value,
    pub closed_at: Option<Value>,
    pub deleted_at: Option<Value>,
    pub ended_at: Option<Value>,
    pub fields: BTreeMap<String, Value>,
    gone: bool,
}

/// What the log has told of all things.
#[derive(Debug, Default)]
pub struct World {
    pub things: BTreeMap<String, Thing>,
    /// Relations, comments and references that are there; of relations, to which issue.
    pub beside: BTreeMap<String, String>,
}

impl World {
    /// Replays the log, and checks that every event fits what came before it.
    pub fn replayed(commands: &[Command]) -> World {
        let mut world = World::default();
        for command in commands {
            let mut touched = BTreeSet::new();
            for entry in command {
                if entry.version > 0 {
                    world.apply(entry, &mut touched);
                } else {
                    world.apply_beside(entry);
                }
            }
        }
        world
    }

    fn apply<'a>(&mut self, entry: &'a Entry, touched: &mut BTreeSet<&'a str>) {
        let known = self.things.get(&entry.subject).filter(|thing| !thing.gone).cloned();
        let mut thing = match known {
            None => {
                let begins = entry.kind.ends_with(".created") || entry.kind == "action.added";
                assert!(begins && entry.version == 1 && entry.step == 0, "{entry:#?}");
                assert!(entry.before.is_empty(), "nothing was there before: {entry:#?}");
                Thing::begun(entry)
            }
            Some(thing) => thing.changed(entry, touched.contains(entry.subject.as_str())),
        };
        touched.insert(&entry.subject);
        for (field, is) in &entry.after {
            thing.fields.insert(field.clone(), is.clone());
        }
        match entry.kind.as_str() {
            "issue.closed" => thing.closed_at = Some(entry.at.clone()),
            "issue.deleted" => thing.deleted_at = Some(entry.at.clone()),
            "issue.undeleted" => thing.deleted_at = None,
            kind => thing.gone = kind.ends_with(".deleted"),
        }
        if entry.noun() == "action" && entry.after.contains_key("state") {
            thing.ended_at = entry.end().map(|_| entry.at.clone());
        }
        self.things.insert(entry.subject.clone(), thing);
    }

    fn apply_beside(&mut self, entry: &Entry) {
        let (Some(name), true) = (
            ["relation", "comment", "reference"].into_iter().find(|noun| *noun == entry.noun()),
            entry.data.contains_key(entry.noun()),
        ) else {
            return;
        };
        let name = entry.said(name).to_owned();
        assert!(!name.is_empty(), "{entry:#?}");
        match entry.kind.split_once('.').unwrap().1 {
            "added" | "created" => {
                let known = self.beside.insert(name, entry.said("target").into());
                assert_eq!(known, None, "made twice: {entry:#?}");
            }
            "removed" | "deleted" => {
                assert!(self.beside.remove(&name).is_some(), "not there: {entry:#?}");
            }
            _ => assert!(self.beside.contains_key(&name), "changed and not there: {entry:#?}"),
        }
    }

    /// The name of the topmost issue above one.
    pub fn topmost(&self, issue: &str) -> String {
        match self.things[issue].fields.get("parent").and_then(Value::as_str) {
            Some(parent) => self.topmost(parent),
            None => issue.to_owned(),
        }
    }

    fn of_noun(&self, part: &str, parts: usize) -> impl Iterator<Item = (&String, &Thing)> {
        let is = move |name: &str| {
            let mut words = name.split('/');
            name.split('/').count() == parts && words.nth(parts - 2) == Some(part)
        };
        self.things.iter().filter(move |(name, thing)| is(name) && !thing.gone)
    }
}

impl Thing {
    fn begun(entry: &Entry) -> Thing {
        Thing {
            version: 1,
            step: 0,
            creator: entry.actor.clone(),
            created_at: entry.at.clone(),
            changed_at: entry.at.clone(),
            closed_at: None,
            deleted_at: None,
            ended_at: None,
            fields: BTreeMap::new(),
            gone: false,
        }
    }

    /// The thing after an event, and whether the event may follow on what it was: every version is
    /// told, every change of the state is a step, and what was before is what was told before.
    fn changed(mut self, entry: &Entry, touched: bool) -> Thing {
        let anew = entry.version == self.version + 1;
        let goes_on = touched && entry.version == self.version;
        assert!(anew || goes_on, "a version is left out: {self:#?} {entry:#?}");
        let works = matches!(entry.noun(), "issue" | "action");
        if anew && works {
            // Where these lead says their type; what else there is to say is in their data.
            let silent = ["issue.deleted", "issue.undeleted", "action.blocked"];
            let tells = !entry.before.is_empty()
                || silent.contains(&entry.kind.as_str())
                || !entry.said("stop_state").is_empty();
            let changed = entry.data.get("changed").and_then(Value::as_array);
            let told = |field: &Value| entry.after.contains_key(field.as_str().unwrap());
            assert!(changed.is_none_or(|fields| fields.iter().all(told)), "{entry:#?}");
            assert!(tells, "nothing has changed: {entry:#?}");
        }
        let state = if entry.noun() == "issue" { "status" } else { "state" };
        let stepped =
            works && (entry.before.contains_key(state) || entry.after.contains_key(state));
        let step = self.step + i64::from(stepped);
        assert_eq!(entry.step, step, "steps are changes of the state: {self:#?} {entry:#?}");
        assert!(
            entry.before.keys().eq(entry.after.keys()) || entry.kind.ends_with(".deleted"),
            "what changed is told before and after: {entry:#?}"
        );
        for (field, was) in &entry.before {
            let known = self.fields.get(field).cloned().unwrap_or_default();
            assert_eq!(plain(field, was), plain(field, &known), "{field}: {self:#?} {entry:#?}");
            assert_ne!(entry.after.get(field), Some(was), "{field} is as it was: {entry:#?}");
        }
        self.version = entry.version;
        self.step = step;
        self.changed_at = entry.at.clone();
        self
    }
}

/// Remarks and relations, and the version of every row.
type Beside = (BTreeSet<String>, BTreeMap<String, i64>);

/// The log, and the rows as they were when it ended; none if something happened meanwhile.
async fn look(app: &TestApp) -> Option<(Vec<Command>, Vec<Value>, Vec<Value>, Beside)> {
    let commands = log::read(app).await;
    let head = commands.last().unwrap().last().unwrap().seq;
    let world = World::replayed(&commands);
    let issues = issues(app).await;
    let actions = actions(app, &world).await;
    let beside = (beside(app, &world).await, versions(app).await);
    (app.head().await == head).then_some((commands, issues, actions, beside))
}

/// All issues: those that are there as `GetIssue` answers them, and the deleted ones as they are
/// listed.
async fn issues(app: &TestApp) -> Vec<Value> {
    let mut request = ListIssuesRequest {
        parent: "projects/abc".into(),
        page_size: 1_000,
        show_deleted: true,
        ..Default::default()
    };
    let mut rows = Vec::new();
    loop {
        let page = app.issues().list_issues(request.clone()).await.unwrap().into_inner();
        let rows_of_page = page.issues.into_iter().map(async |issue| {
            let request = GetIssueRequest { name: issue.name.clone() };
            let got = app.issues().get_issue(request).await;
            let got = got.ok().and_then(|got| got.into_inner().issue);
            assert!(got.is_some() || issue.delete_time.is_some(), "{} is there", issue.name);
            json::of("Issue", &got.unwrap_or(issue))
        });
        rows.extend(join_all(rows_of_page).await);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return rows;
        }
    }
}

/// All actions as `GetAction` answers them, but for those of deleted issues.
async fn actions(app: &TestApp, world: &World) -> Vec<Value> {
    let names: Vec<&String> = world.of_noun("actions", 6).map(|(name, _)| name).collect();
    let rows = names.chunks(100).map(async |names| {
        let rows = names.iter().map(async |&name| {
            let request = GetActionRequest { name: name.clone() };
            match app.root().actions().get_action(request).await {
                Ok(got) => Some(json::of("Action", &got.into_inner().action.unwrap())),
                Err(status) => {
                    let issue = name.split("/actions").next().unwrap();
                    assert_eq!(status.code(), Code::NotFound);
                    assert!(world.things[issue].deleted_at.is_some(), "{name} is there");
                    None
                }
            }
        });
        join_all(rows).await
    });
    join_all(rows).await.into_iter().flatten().flatten().collect()
}

/// The names of what stands beside issues and actions that are there.
async fn beside(app: &TestApp, world: &World) -> BTreeSet<String> {
    let parents = world.of_noun("issues", 4).chain(world.of_noun("actions", 6));
    let names = parents.map(async |(name, _)| {
        let (parent, page_size) = (name.clone(), 1_000);
        let mut names = Vec::new();
        let request =
            ListCommentsRequest { parent: parent.clone(), page_size, ..Default::default() };
        if let Ok(page) = app.issues().list_comments(request).await {
            names.extend(page.into_inner().comments.into_iter().map(|comment| comment.name));
        }
        let request =
            ListReferencesRequest { parent: parent.clone(), page_size, ..Default::default() };
        if let Ok(page) = app.issues().list_references(request).await {
            names.extend(page.into_inner().references.into_iter().map(|one| one.name));
        }
        let request = ListIssueRelationsRequest { parent, page_size, ..Default::default() };
        if let Ok(page) = app.issues().list_issue_relations(request).await {
            names.extend(page.into_inner().relations.into_iter().map(|one| one.name));
        }
        names
    });
    join_all(names).await.into_iter().flatten().collect()
}

/// The versions of all rows, by name, seen behind the back of the service.
async fn versions(app: &TestApp) -> BTreeMap<String, i64> {
    let all = "select 'projects/' || project || '/issues/' || number, version from issues
        union all
        select 'projects/' || project || '/issues/' || issue || '/actions/' || number, version
          from actions";
    let rows = app.database.sql().await.query(all, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Goal: whoever has the log has everything. No change is without an event and no event without a
/// change, whatever races with what, and whatever time brings about.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_all_that_random_commands_do() {
    let (seed, size) = (rng::seed(), rng::size(1_950));
    let town = Town::start().await;
    let app = &town.app;
    let mut callers = town.callers(seed).await;

    // In between leases end, pauses are over, and what nobody claimed in time is cancelled.
    for seconds in [0, 40, 2_000] {
        app.database.advance_clock(seconds).await;
        // The last one may do little, and asks less.
        let share = |n: usize| if n + 1 < CALLERS.len() { size / 13 } else { size / 39 };
        let working = callers.iter_mut().enumerate();
        join_all(working.map(|(n, caller)| caller.work(share(n)))).await;
    }
    let seen = eventually(PATIENCE, async || look(app).await, Option::is_some).await;

    let (commands, issues, actions, (beside, versions)) = seen.unwrap();
    let world = World::replayed(&commands);
    commands.iter().for_each(order::check);
    issues.iter().for_each(|row| compare_issue(&world, row));
    actions.iter().for_each(|row| compare_action(&world, row));
    let told: BTreeMap<String, i64> = world
        .of_noun("issues", 4)
        .chain(world.of_noun("actions", 6))
        .map(|(name, thing)| (name.clone(), thing.version))
        .collect();
    assert_eq!(versions, told, "rows and versions");
    // What is on a deleted issue, or leads to one, is hidden with it.
    let hidden = |name: &str| {
        let issue: Vec<&str> = name.split('/').take(4).collect();
        world.things.get(&issue.join("/")).is_none_or(|issue| issue.deleted_at.is_some())
    };
    let shown =
        world.beside.iter().filter(|(name, to)| !hidden(name) && (to.is_empty() || !hidden(to)));
    let told: BTreeSet<String> = shown.map(|(name, _)| name.clone()).collect();
    assert_eq!(beside, told, "relations, comments and references");
    for caller in &callers {
        let told = commands.iter().filter(|command| command[0].actor == caller.name).count();
        assert_eq!(told, caller.changed, "{} changed something as often", caller.name);
    }
    let accepted: usize = callers.iter().flat_map(|caller| caller.accepted.values()).sum();
    let refused: usize = callers.iter().flat_map(|caller| caller.refused.values()).sum();
    let reasons: Vec<_> = callers.iter().map(|caller| &caller.refused).collect();
    assert!(accepted * 4 > refused && refused * 5 > accepted, "{accepted}, not: {reasons:#?}");
}
