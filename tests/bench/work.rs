//! What is done: the same on every side.

use potts::domain::command::Verb;
use potts::domain::issue::{CreateIssue, IssueEdit, UpdateIssue};
use potts::domain::name::{IssueName, ProjectId};
use potts::proto;
use prost::Message as _;
use serde_json::json;
use uuid::Uuid;

/// The project whose issues are updated.
pub const PROJECT: &str = "bench";
/// How many issues it has.
pub const ISSUES: u32 = 1_000;
/// How many more projects there are, `p0` and so on: creating counts per project, so each caller
/// has its own.
pub const PROJECTS: u32 = 256;
/// How many actions each of its issues has, all to be claimed: more than a round ends.
pub const ACTIONS_PER_ISSUE: u32 = 150;
/// How many issues each caller moves to and fro.
pub const MOVED_EACH: usize = 15;
/// How many actions a worker has in hand that claims many.
pub const SLOTS: usize = 10;
/// What every issue is called.
pub const TITLE: &str = "The disk of a machine is nearly full";
/// What a parameter says behind a number; it makes the events as long as real ones are.
pub const NOTE: &str = "of 512 GB used, by the logs of the build farm";

/// What callers do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Work {
    /// Update any issue of [`PROJECT`].
    Update,
    /// Create an issue in the caller's project.
    Create,
    /// Take an issue of the caller's to and fro between two statuses.
    Transition,
    /// Claim the next action of [`PROJECT`] and complete it.
    Claim,
    /// Claim the next [`SLOTS`] actions of [`PROJECT`] and complete each by a call of its own.
    ClaimMany,
}

impl Work {
    /// As in the names of comparisons.
    pub fn name(self) -> &'static str {
        match self {
            Work::Update => "update",
            Work::Create => "create",
            Work::Transition => "transition",
            Work::Claim => "claim",
            Work::ClaimMany => "claim-ten",
        }
    }
}

/// One caller's choices: which issue, and numbers that make each call change something.
#[derive(Clone, Debug)]
pub struct Choices {
    state: u64,
    caller: usize,
    moved: usize,
}

impl Choices {
    /// Of a caller.
    pub fn of(caller: usize) -> Choices {
        // Drawn anew each time: numbers that come again would change nothing.
        Choices { state: Uuid::new_v4().as_u64_pair().0, caller, moved: 0 }
    }

    /// `SplitMix64`: any number.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The number of an issue of [`PROJECT`].
    pub fn issue(&mut self) -> i64 {
        i64::try_from(self.draw() % u64::from(ISSUES)).unwrap_or(0) + 1
    }

    /// The number of the caller's next issue, and the status that it is not in: they are taken in
    /// turn, and nobody else's.
    pub fn next_move(&mut self) -> (i64, &'static str) {
        let (turn, place) = (self.moved / MOVED_EACH, self.moved % MOVED_EACH);
        self.moved += 1;
        let number = i64::try_from(self.caller * MOVED_EACH + place).unwrap_or(0) + 1;
        (number, if turn.is_multiple_of(2) { "in_progress" } else { "open" })
    }

    /// 1 to 5.
    pub fn priority(&mut self) -> i16 {
        i16::try_from(self.draw() % 5).unwrap_or(0) + 1
    }

    /// A note that was never given before.
    pub fn note(&mut self) -> String {
        format!("{} {NOTE}", self.draw() % 1_000_000_000)
    }

    /// The project that this caller creates in.
    pub fn project(&self) -> String {
        format!("p{}", self.caller)
    }

    /// The next command of this caller.
    pub fn verb(&mut self, work: Work) -> Verb {
        let project = |id: &str| ProjectId::parse("project", id).expect("ids of ours are valid");
        let parameter = IssueEdit::Parameter("note".into(), Some(json!(self.note())));
        let priority = IssueEdit::Priority(self.priority());
        match work {
            Work::Update => {
                let name = IssueName { project: project(PROJECT), number: self.issue() };
                UpdateIssue { name, etag: None, edits: vec![priority, parameter] }.into()
            }
            Work::Create => {
                let edits = vec![IssueEdit::Title(TITLE.into()), priority, parameter];
                let (project, start) = (project(&self.project()), Default::default());
                CreateIssue { project, start, edits }.into()
            }
            Work::Transition | Work::Claim | Work::ClaimMany => {
                unreachable!("these are measured over gRPC alone")
            }
        }
    }
}

/// An event such as an update leaves, encoded as the log holds it.
pub fn event_body() -> Vec<u8> {
    let name = format!("projects/{PROJECT}/issues/{}", ISSUES / 2);
    let now = prost_types::Timestamp { seconds: 1_790_000_000, nanos: 123_456_000 };
    let text = |text: &str| prost_types::Value::from(text.to_owned());
    let fields = |priority: f64, number: u32| {
        let note = text(&format!("{number} {NOTE}"));
        let parameters = [("note".to_owned(), note)].into_iter().collect();
        let parameters = prost_types::Struct { fields: parameters };
        let parameters =
            prost_types::Value { kind: Some(prost_types::value::Kind::StructValue(parameters)) };
        let priority = prost_types::Value::from(priority);
        prost_types::Struct {
            fields: [("priority".to_owned(), priority), ("parameters".to_owned(), parameters)]
                .into_iter()
                .collect(),
        }
    };
    let changed = prost_types::Value::from(vec![text("parameters"), text("priority")]);
    let data = prost_types::Struct { fields: [("changed".to_owned(), changed)].into() };
    let event = proto::Event {
        seq: 0,
        id: "01990000-0000-7000-8000-000000000000".into(),
        r#type: "issue.updated".into(),
        class: 1,
        project: format!("projects/{PROJECT}"),
        subject: name.clone(),
        root: name,
        version: 17,
        step: 0,
        actor: "actors/root".into(),
        event_time: Some(now),
        record_time: Some(now),
        before: Some(fields(2.0, 123_456_789)),
        after: Some(fields(3.0, 987_654_321)),
        data: Some(data),
        payload: None,
        ends_command: true,
        hidden: false,
    };
    event.encode_to_vec()
}

/// Bytes as a literal of SQL.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
