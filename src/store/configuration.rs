//! The table `configurations`.

use diesel_async::AsyncPgConnection;

use super::error::Result;
use crate::domain::configuration::Configuration;
use crate::domain::name::ProjectId;

/// All configuration of a project, with all revisions.
pub(super) async fn all(
    _conn: &mut AsyncPgConnection,
    _project: &ProjectId,
) -> Result<Vec<Configuration>> {
    Ok(Vec::new())
}
