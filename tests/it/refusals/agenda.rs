//! Calls for agendas that are refused.

use ::potts::proto::*;

use super::cases::{Case, text};

/// Calls for agendas.
pub fn agenda_cases() -> Vec<Case> {
    cases! { issues;
        get_agenda FIELD_INVALID, "actor", ask!(GetAgendaRequest { actor: text("groups/qa") });
        get_agenda FIELD_INVALID, "project", ask!(GetAgendaRequest { project: text("abc") });
        get_agenda FIELD_INVALID, "bucket_size", ask!(GetAgendaRequest { bucket_size: -1 });
        get_agenda RESOURCE_NOT_FOUND, "potts.v1.Actor actors/nobody",
            ask!(GetAgendaRequest { actor: text("actors/nobody") });
        get_agenda RESOURCE_NOT_FOUND, "potts.v1.Project projects/gone",
            ask!(GetAgendaRequest { project: text("projects/gone") });
    }
}
