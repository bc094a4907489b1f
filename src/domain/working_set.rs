//! What a batch of commands has loaded, and what its decisions have made of it so far.
//!
//! A command says in advance what it needs, its [`Footprint`]; the ledger loads and locks that. A
//! decision reads current values and answers with new ones, which are applied only if it succeeds:
//! so a later command of the batch sees what an earlier one did, and never what one was refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::nouns::*;
use super::action::{ActionAsks, Draw};
use super::asks::Asks;
use super::configuration::{Usage, UsageOf};
use super::definition::DefinitionKey;
use super::name::{ActionName, Principal, ProjectId};

/// The nouns, so that the lists below can be used wherever they are needed.
pub(crate) mod nouns {
    pub use crate::domain::action::{Action, Attempt};
    pub use crate::domain::comment::Comment;
    pub use crate::domain::configuration::Configuration;
    pub use crate::domain::consumer::{Bucket, Consumer, Crew, Parked, Retry};
    pub use crate::domain::counter::Counter;
    pub use crate::domain::definition::DefinitionVersion;
    pub use crate::domain::issue::Issue;
    pub use crate::domain::message::KnownMessage;
    pub use crate::domain::people::{Actor, Credential, Group, Member};
    pub use crate::domain::project::Project;
    pub use crate::domain::reference::Reference;
    pub use crate::domain::relation::Relation;
}

/// A thing that is stored in rows and changed by commands.
pub trait Noun: Clone + PartialEq + Send + Sync + 'static {
    /// What identifies it. The order of keys is the order in which rows are locked.
    type Key: Clone + Ord + std::fmt::Debug + Send + Sync;

    /// Its key.
    fn key(&self) -> Self::Key;
}

/// One row: as it was loaded, and as it is now. `None` is no such row.
#[derive(Debug)]
struct Row<N> {
    loaded: Option<Arc<N>>,
    current: Option<Arc<N>>,
}

/// The rows of one noun.
#[derive(Debug)]
pub struct Rows<N: Noun>(BTreeMap<N::Key, Row<N>>);

impl<N: Noun> Default for Rows<N> {
    fn default() -> Self {
        Rows(BTreeMap::new())
    }
}

impl<N: Noun> Rows<N> {
    /// Takes what was found for the keys that were asked.
    pub fn load(asked: &BTreeSet<N::Key>, found: Vec<N>) -> Rows<N> {
        let mut rows: BTreeMap<_, _> =
            asked.iter().map(|key| (key.clone(), Row { loaded: None, current: None })).collect();
        for noun in found {
            let noun = Arc::new(noun);
            let row = Row { loaded: Some(Arc::clone(&noun)), current: Some(noun) };
            let known = rows.insert(row.loaded.as_ref().map(|n| n.key()).expect("just set"), row);
            assert!(known.is_some(), "the store answered a row that nobody asked for");
        }
        Rows(rows)
    }

    /// The current value of a row of the footprint.
    ///
    /// # Panics
    /// If the key is not of the footprint: then nothing was locked, and nothing may be decided.
    pub fn get(&self, key: &N::Key) -> Option<&Arc<N>> {
        let row = self.0.get(key);
        row.unwrap_or_else(|| panic!("{key:?} is not of the footprint")).current.as_ref()
    }

    /// Adds rows that were loaded later; those that are here already stay.
    pub fn add(&mut self, later: Rows<N>) {
        for (key, row) in later.0 {
            self.0.entry(key).or_insert(row);
        }
    }

    /// The current value of a row, none too where nobody asked for it.
    pub fn find(&self, key: &N::Key) -> Option<&Arc<N>> {
        self.0.get(key)?.current.as_ref()
    }

    /// Whether a row was asked for, or made since: what there is of it is known.
    pub fn has(&self, key: &N::Key) -> bool {
        self.0.contains_key(key)
    }

    /// The current values of all rows, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &Arc<N>> {
        self.0.values().filter_map(|row| row.current.as_ref())
    }

    /// The value as it was loaded.
    pub fn loaded(&self, key: &N::Key) -> Option<&Arc<N>> {
        self.0.get(key)?.loaded.as_ref()
    }

    /// Sets the current value. A key that nobody asked for is one that this batch has given, under
    /// the lock of what gives such keys.
    fn put(&mut self, noun: Arc<N>) {
        let row = self.0.entry(noun.key()).or_insert(Row { loaded: None, current: None });
        row.current = Some(noun);
    }

    /// Takes a row away.
    fn remove(&mut self, key: &N::Key) {
        if let Some(row) = self.0.get_mut(key) {
            row.current = None;
        }
    }

    /// What has become of the rows, by key.
    pub fn changes(&self) -> Changes<'_, N> {
        let mut changes = Changes { new: Vec::new(), changed: Vec::new(), gone: Vec::new() };
        for Row { loaded, current } in self.0.values() {
            match (loaded, current) {
                (None, Some(new)) => changes.new.push(&**new),
                (Some(old), Some(new)) if !Arc::ptr_eq(old, new) => {
                    changes.changed.push((&**old, &**new));
                }
                (Some(old), None) => changes.gone.push(&**old),
                (Some(_), Some(_)) | (None, None) => (),
            }
        }
        changes
    }
}

/// What has become of the rows of a noun.
#[derive(Debug)]
pub struct Changes<'a, N> {
    /// Rows to insert.
    pub new: Vec<&'a N>,
    /// Rows to update: as they were loaded, and as they are.
    pub changed: Vec<(&'a N, &'a N)>,
    /// Rows to delete.
    pub gone: Vec<&'a N>,
}

/// Every noun, in the order in which tables are locked and written. `store/lock_order.rs` repeats
/// the names of the tables and is compared with this list. What stands behind the semicolon is
/// locked in a second step, once commands have seen the rows before it: see
/// [`super::command::Decide::expand`].
macro_rules! for_each_noun {
    ($with:ident) => {
        $with! {
            counters: Counter,
            definitions: DefinitionVersion,
            buckets: Bucket,
            consumers: Consumer,
            crews: Crew,
            projects: Project,
            actors: Actor,
            groups: Group,
            credentials: Credential,
            members: Member,
            configurations: Configuration,
            issues: Issue,
            ;
            actions: Action,
            attempts: Attempt,
            relations: Relation,
            references: Reference,
            comments: Comment,
            retries: Retry,
            parked: Parked,
            messages: KnownMessage,
        }
    };
}

pub(crate) use for_each_noun;

macro_rules! working_set {
    ($($early:ident: $first:ident,)* ; $($late:ident: $second:ident,)*) => {
        working_set! { $($early: $first,)* $($late: $second,)* }
    };
    ($($rows:ident: $noun:ident,)*) => {
        /// The rows that a batch has loaded and locked.
        #[derive(Debug, Default)]
        pub struct WorkingSet {
            $(#[doc = concat!("Rows of [`", stringify!($noun), "`].")] pub $rows: Rows<$noun>,)*
            /// What was asked about the use of configuration.
            pub usage: BTreeMap<UsageOf, Usage>,
            /// Ready actions that were drawn from the lines, the first ones first.
            pub drawn: BTreeMap<Draw, Vec<ActionName>>,
        }

        /// The rows that commands need.
        #[derive(Clone, Debug, Default)]
        pub struct Footprint {
            $(#[doc = concat!("Keys of [`", stringify!($noun), "`].")]
            pub $rows: BTreeSet<<$noun as Noun>::Key>,)*
            /// Projects whose definitions the command is decided by, without changing them.
            pub uses: BTreeSet<ProjectId>,
            /// Who is spoken of, besides the caller: their standing is looked up.
            pub people: BTreeSet<Principal>,
            /// Rows that must be looked for.
            pub asks: Asks,
            /// What is asked about the use of configuration, under the lock of its definition.
            pub usage: BTreeSet<UsageOf>,
            /// Actions that must be looked for, once the issues are locked.
            pub action_asks: ActionAsks,
        }

        /// The new value of a row.
        #[derive(Clone, Debug)]
        pub enum Change {
            $(#[doc = concat!("Of a [`", stringify!($noun), "`].")] $noun(Arc<$noun>),)*
        }

        /// A row that is no more.
        #[derive(Clone, Debug)]
        pub enum Gone {
            $(#[doc = concat!("Of a [`", stringify!($noun), "`].")]
            $noun(<$noun as Noun>::Key),)*
        }

        $(impl From<Arc<$noun>> for Change {
            fn from(noun: Arc<$noun>) -> Change {
                Change::$noun(noun)
            }
        })*

        impl WorkingSet {
            /// Applies a decision.
            pub fn apply(&mut self, changes: Vec<Change>, gone: Vec<Gone>) {
                for change in changes {
                    match change { $(Change::$noun(noun) => self.$rows.put(noun),)* }
                }
                for gone in gone {
                    match gone { $(Gone::$noun(key) => self.$rows.remove(&key),)* }
                }
            }
        }

        impl Footprint {
            /// Adds what another command needs.
            pub fn add(&mut self, other: Footprint) {
                $(self.$rows.extend(other.$rows);)*
                self.uses.extend(other.uses);
                self.people.extend(other.people);
                self.asks.add(other.asks);
                self.usage.extend(other.usage);
                self.action_asks.add(other.action_asks);
            }
        }
    };
}

for_each_noun!(working_set);

impl Footprint {
    /// The versions of the definitions that are used. People are always: somebody calls.
    pub fn definition_keys(&self) -> impl Iterator<Item = DefinitionKey> {
        let of_project = |project: &ProjectId| {
            [DefinitionKey::project(project.clone()), DefinitionKey::configuration(project.clone())]
        };
        self.uses.iter().flat_map(of_project).chain([DefinitionKey::people()])
    }
}
