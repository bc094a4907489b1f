//! Rows of agendas, and the items that they are.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Integer, Nullable, SmallInt, Text, Timestamptz};

use crate::domain::action::{Blocked, State};
use crate::domain::agenda::{Item, ItemName, Of};
use crate::domain::name::{ActionName, ActorName, IssueName};
use crate::domain::workflow::Category;
use crate::store::{stored, time};

pub type SqlAction = (
    Text,
    BigInt,
    BigInt,
    Text,
    SmallInt,
    Nullable<Timestamptz>,
    Timestamptz,
    Integer,
    Text,
    Text,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<SmallInt>,
);
pub type ActionRow = (
    String,
    i64,
    i64,
    String,
    i16,
    Option<PgTimestamp>,
    PgTimestamp,
    i32,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<PgTimestamp>,
    Option<PgTimestamp>,
    Option<i16>,
);
pub type SqlIssue = (
    Text,
    BigInt,
    Text,
    SmallInt,
    Nullable<Timestamptz>,
    Timestamptz,
    Integer,
    Text,
    Text,
    Text,
    Text,
    Timestamptz,
);
pub type IssueRow = (
    String,
    i64,
    String,
    i16,
    Option<PgTimestamp>,
    PgTimestamp,
    i32,
    String,
    String,
    String,
    String,
    PgTimestamp,
);

/// An action.
pub fn action(row: ActionRow) -> Item {
    let (
        project,
        issue,
        number,
        title,
        priority,
        due_at,
        created_at,
        dependents,
        issue_title,
        action_type,
        state,
        reason,
        assignee,
        not_before,
        claimed_at,
        progress,
    ) = row;
    let issue = IssueName { project: stored::project_id(&project), number: issue };
    let blocked = |reason: String| {
        Blocked::stored(&reason).expect("the table's constraint knows the reasons")
    };
    Item {
        name: ItemName::Action(ActionName { issue, number }),
        title,
        priority,
        due_at: due_at.map(time::from_sql),
        created_at: time::from_sql(created_at),
        dependents,
        of: Of::Action {
            issue_title,
            action_type,
            state: State::stored(&state).expect("the statements name states"),
            blocked: reason.map(blocked),
            assignee: assignee.as_deref().map(ActorName::stored),
            not_before: not_before.map(time::from_sql),
            claimed_at: claimed_at.map(time::from_sql),
            progress,
        },
    }
}

/// An issue.
pub fn issue(row: IssueRow) -> Item {
    let (
        project,
        number,
        title,
        priority,
        due_at,
        created_at,
        dependents,
        issue_type,
        status,
        category,
        owner,
        updated_at,
    ) = row;
    Item {
        name: ItemName::Issue(IssueName { project: stored::project_id(&project), number }),
        title,
        priority,
        due_at: due_at.map(time::from_sql),
        created_at: time::from_sql(created_at),
        dependents,
        of: Of::Issue {
            issue_type,
            status,
            category: Category::stored(&category).expect("the table's constraint knows them"),
            owner: ActorName::stored(&owner),
            updated_at: time::from_sql(updated_at),
        },
    }
}
