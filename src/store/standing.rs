//! What people may do: actors, groups and members in one look.

use std::marker::PhantomData;

use diesel::sql_types::{Array, Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::error::Result;
use super::prepared::prepared;
use super::stored;
use crate::domain::name::{GroupName, Principal};
use crate::domain::people::{Role, Standing};

prepared!(
    Find(names: Vec<&'a str> => Array<Text>)
        -> (Text, Bool, Bool, Bool, Array<Text>, Array<Text>, Array<Text>),
    "with recursive up (who, name) as (select n, n from unnest({names}) as n union \
     select up.who, m.group_name from up join group_members m on m.member = up.name) \
     select w.name, coalesce(a.state = 'ACTIVE', true), coalesce(a.kind = 'PERSON', false), \
     coalesce(a.admin, false), \
     array(select up.name from up where up.who = w.name and up.name <> w.name), \
     array(select m.project from up join members m on m.member = up.name \
     join projects p on p.id = m.project and p.deleted_at is null \
     where up.who = w.name order by m.project, m.id), \
     array(select m.role from up join members m on m.member = up.name \
     join projects p on p.id = m.project and p.deleted_at is null \
     where up.who = w.name order by m.project, m.id) \
     from unnest({names}) as w (name) \
     left join actors a on a.name = w.name and a.deleted_at is null \
     left join groups g on g.name = w.name and g.deleted_at is null \
     where a.name is not null or g.name is not null"
);

type Row = (String, bool, bool, bool, Vec<String>, Vec<String>, Vec<String>);

fn standing((name, active, person, admin, groups, projects, roles): Row) -> Standing {
    let principal = Principal::stored(&name);
    let mut standing = Standing {
        active,
        person: person || principal == Standing::root().principal,
        principal,
        admin,
        groups: groups.iter().map(|group| GroupName::stored(group)).collect(),
        roles: Default::default(),
    };
    for (project, role) in projects.iter().zip(&roles) {
        let role = Role::stored(role).expect("the table's constraint knows the roles");
        let known = standing.roles.entry(stored::project_id(project)).or_insert(role);
        *known = role.max(*known);
    }
    standing
}

/// The standing of these people, of those that exist.
pub(super) async fn find(
    mut conn: &AsyncPgConnection,
    people: &[&Principal],
) -> Result<Vec<Standing>> {
    let names = people.iter().map(|who| who.as_str()).collect();
    let rows: Vec<Row> = Find { names, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().map(standing).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever order roles come in, and however many of a project, the highest counts.
        #[test]
        fn the_highest_role_of_a_project_counts(
            given in prop::collection::vec((0..3_usize, prop::sample::select(Role::ALL)), 0..12),
        ) {
            let ids = ["abc", "klm", "xyz"];
            let projects = given.iter().map(|(n, _)| ids[*n].to_owned()).collect();
            let roles = given.iter().map(|(_, role)| role.as_str().to_owned()).collect();
            let row = ("actors/ann".to_owned(), true, true, false, Vec::new(), projects, roles);

            let standing = standing(row);

            for (n, id) in ids.into_iter().enumerate() {
                let of_project = given.iter().filter(|(of, _)| *of == n).map(|(_, role)| *role);
                prop_assert_eq!(standing.role(&stored::project_id(id)), of_project.max());
            }
        }
    }
}
