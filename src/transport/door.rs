//! What every service of ours has at hand, and what writes and lists have in common.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataValue;
use tonic::{Response, Status};

use super::auth::{Access, Admitted, Caller};
use super::subscriptions::Subscriptions;
use crate::domain::access;
use crate::domain::command::{Resource, Verb};
use crate::domain::error::{Error, Result, not_found};
use crate::domain::name::ProjectId;
use crate::domain::project::Project;
use crate::ledger::{Answer, Done, Ledger};
use crate::store::{LogEnd, Store};
use crate::stream::{Consuming, Epoch, Hub, Position};

/// Clients of gRPC take messages of 4 MiB unless told otherwise. A page that would be larger ends
/// earlier.
pub(super) const PAGE_BYTES_MAX: usize = 3 << 20;
/// Says that the call was acknowledged before.
const REPLAYED: &str = "potts-replayed";

/// What an RPC answers.
pub(super) type Reply<T> = std::result::Result<Response<T>, Status>;

/// What the services are made of.
#[derive(Clone, Debug)]
pub(super) struct Door {
    pub ledger: Ledger,
    pub hub: Hub,
    pub store: Store,
    pub consumers: Arc<dyn Consuming>,
    pub access: Access,
    pub subscriptions: Subscriptions,
    pub stream_age_max: Option<Duration>,
    pub stopping: CancellationToken,
}

/// A write that was acknowledged.
#[derive(Debug)]
pub(super) struct Written {
    /// What it was about: as the write left it, or, of one that is sent again, its name.
    pub answer: Answer,
    /// Whether it changed anything.
    pub changed: bool,
    /// The log's cursor after it.
    pub cursor: String,
}

/// What every write of a noun answers.
#[derive(Debug)]
pub(super) struct Outcome<T> {
    /// The thing; none if a call that is sent again was about one that is gone since.
    pub resource: Option<T>,
    /// Whether it changed anything.
    pub changed: bool,
    /// The log's cursor after it.
    pub cursor: String,
    /// Whether it was acknowledged before.
    pub replayed: bool,
}

/// Answers a write: the field that holds the thing, and what else the response says.
macro_rules! answer {
    ($outcome:ident -> $Response:ident { $resource:ident $(, $more:ident)* }) => {{
        let $crate::transport::door::Outcome { resource: $resource, changed, cursor, replayed } =
            $outcome;
        let response = $crate::proto::$Response { $resource, changed, cursor $(, $more)* };
        Ok($crate::transport::door::respond(response, replayed))
    }};
}
pub(super) use answer;

/// A method that decodes, writes and answers, and has nothing else to say.
macro_rules! written {
    (
        $self:ident.$($write:ident).+ ($request:ident: $Verb:ident $(, $class:expr)?)
            -> $Response:ident { $resource:ident }
    ) => {{
        let access = &$self.door.access;
        let (admitted, message) = $crate::transport::auth::admit_write(access, $request).await?;
        let verb = $Verb::try_from(message)?;
        let outcome = $self.$($write).+(&admitted, verb $(, $class)?).await?;
        $crate::transport::door::answer!(outcome -> $Response { $resource })
    }};
}
pub(super) use written;

impl Door {
    /// Carries out what was decoded.
    pub async fn write(&self, admitted: &Admitted, verb: impl Into<Verb>) -> Result<Written> {
        let command = admitted.command(verb)?;
        let Done { answer, names: _, changed, position } = self.ledger.submit(command).await?;
        Ok(Written { answer, changed, cursor: position.cursor(self.hub.epoch()) })
    }

    /// A project that is there, for somebody who may read it.
    pub async fn live_project(&self, caller: &Caller, id: &ProjectId) -> Result<Project> {
        self.reader(caller, "GetProject", id).await
    }

    /// A project that is there, for somebody whose role allows a call that reads something of it.
    pub async fn reader(&self, caller: &Caller, rpc: &str, id: &ProjectId) -> Result<Project> {
        access::check_read(&caller.standing, rpc, id)?;
        let project = self.project(caller, id).await?;
        project.filter(|project| project.deleted_at.is_none()).ok_or_else(|| not_found(id))
    }

    /// A project, deleted or not.
    pub async fn project(&self, caller: &Caller, id: &ProjectId) -> Result<Option<Project>> {
        let deadline = caller.deadline;
        deadline.read(|| Box::pin(self.store.project(id, deadline.0))).await
    }
}

/// The cursor of the end of a log, as a snapshot saw it.
pub(super) fn end_cursor(LogEnd { state, event_id }: &LogEnd) -> String {
    // Without its newest event a log has no more than a number to check a cursor by.
    let bare = Position { seq: state.head, check: [0; 8] };
    let position = event_id.map_or(bare, |event_id| Position::after(state.head, event_id));
    position.cursor(Epoch::of(state.epoch))
}

/// A response to a write; of one that was acknowledged before it says so.
pub(super) fn respond<T>(message: T, replayed: bool) -> Response<T> {
    let mut response = Response::new(message);
    if replayed {
        response.metadata_mut().insert(REPLAYED, MetadataValue::from_static("1"));
    }
    response
}

/// What a command was about, which can only be what it asked for.
pub(super) fn expected<T: TryFrom<Resource, Error = Resource>>(
    asked: impl Display,
    resource: Resource,
) -> Result<T> {
    T::try_from(resource).map_err(|other| unexpected(asked, &other))
}

/// An answer of the ledger that is about something else than the command was.
pub(super) fn unexpected(asked: impl Display, answer: &Resource) -> Error {
    Error::Internal(anyhow::anyhow!("the ledger answered {asked} with {}", answer.name()))
}

/// As many items as a message may hold, at least one; and whether there are more.
pub(super) fn fit<T>(items: Vec<T>, size: usize, bytes_of: impl Fn(&T) -> usize) -> (Vec<T>, bool) {
    let all = items.len();
    let mut bytes = 0;
    let fits = |(n, item): &(usize, T)| {
        bytes += bytes_of(item);
        *n < size && (*n == 0 || bytes <= PAGE_BYTES_MAX)
    };
    let taken: Vec<T> =
        items.into_iter().enumerate().take_while(fits).map(|(_, item)| item).collect();
    let more = taken.len() < all;
    (taken, more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_at_its_size_or_at_its_bytes() {
        let page = |items: &[usize], size| {
            let (taken, more) = fit(items.to_vec(), size, |bytes| *bytes);
            (taken.len(), more)
        };
        let half = PAGE_BYTES_MAX / 2;

        assert_eq!(page(&[], 5), (0, false));
        assert_eq!(page(&[1, 1, 1], 3), (3, false));
        assert_eq!(page(&[1, 1, 1], 2), (2, true));
        assert_eq!(page(&[half, half, 1], 5), (2, true));
        assert_eq!(page(&[PAGE_BYTES_MAX + 1, 1], 5), (1, true));
    }

    #[test]
    fn a_replay_is_said() {
        assert!(respond((), false).metadata().get(REPLAYED).is_none());
        assert_eq!(respond((), true).metadata().get(REPLAYED).unwrap(), "1");
    }

    #[test]
    fn the_end_of_an_empty_log_has_a_cursor() {
        let epoch = uuid::Uuid::max();
        let state = crate::store::LogState {
            epoch,
            oldest: crate::domain::event::Seq(1),
            head: Default::default(),
        };

        let cursor = end_cursor(&LogEnd { state, event_id: None });

        let (read, position) = Position::of_cursor("after", &cursor).unwrap();
        assert_eq!((read, position), (Epoch::of(epoch), Position::default()));
    }
}
