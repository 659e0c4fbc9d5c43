//! The answer to a firing whose every element starts a run.

use yizhan_engine::StartError;
use yizhan_engine::intake::IntakeError;
use yizhan_engine::intake::each::Became;
use yizhan_workflow::form::FieldFault;

use crate::refusal::Refusal;
use crate::view::ElementView;

/// Faults of elements that one refusal names.
const SHOWN: usize = 100;

/// What became of them all together.
pub(crate) struct Came {
    pub(crate) elements: Vec<ElementView>,
    /// The first run that is known.
    pub(crate) first: Option<String>,
    pub(crate) joined: bool,
    /// Nothing is new.
    pub(crate) repeated: bool,
    /// Something is kept for the run of a later slot.
    pub(crate) gathered: bool,
}

/// # Errors
/// When there were elements, and every one was refused.
pub(crate) fn came(all: Vec<Became>) -> Result<Came, Refusal> {
    let refused = |one: &Became| matches!(one, Became::Refused(_));
    if !all.is_empty() && all.iter().all(refused) {
        return Err(refusal(all));
    }
    let before = |one: &Became| matches!(one, Became::Before(_) | Became::Gathered { repeated: true });
    let fresh = |one: &Became| {
        matches!(one, Became::Started(_) | Became::Joined(_) | Became::Gathered { repeated: false })
    };
    let gathered = all.iter().any(|one| matches!(one, Became::Gathered { .. }));
    let repeated = all.iter().any(before) && !all.iter().any(fresh);
    let first = all.iter().find_map(Became::run);
    let joined =
        all.iter().find(|one| one.run().is_some()).is_some_and(|one| matches!(one, Became::Joined(_)));
    let elements = (1..).zip(&all).map(|(number, became)| view(number, became)).collect();
    Ok(Came { elements, first: first.map(|run| run.to_string()), joined, repeated, gathered })
}

fn view(number: usize, became: &Became) -> ElementView {
    let problem = match became {
        Became::Refused(error) => Some(error.to_string()),
        Became::Started(_) | Became::Joined(_) | Became::Gathered { .. } | Became::Before(_) => None,
    };
    ElementView {
        number,
        id: became.run().map(|run| run.to_string()),
        joined: matches!(became, Became::Joined(_)),
        repeated: matches!(became, Became::Before(_) | Became::Gathered { repeated: true }),
        gathered: matches!(became, Became::Gathered { .. }),
        problem,
    }
}

/// The fields of all elements with their numbers; where it is no field, what the first was refused for.
fn refusal(all: Vec<Became>) -> Refusal {
    let (mut faults, mut other) = (Vec::new(), None);
    for (number, became) in (1..).zip(all) {
        match became {
            Became::Refused(StartError::Intake(IntakeError::Fields(fields))) => {
                faults.extend(fields.into_iter().map(|fault| numbered(number, fault)));
            }
            Became::Refused(error) => other = other.or(Some(error)),
            Became::Started(_) | Became::Joined(_) | Became::Gathered { .. } | Became::Before(_) => {}
        }
    }
    faults.truncate(SHOWN);
    match other {
        Some(error) if faults.is_empty() => error.into(),
        _ => Refusal::Fields(faults),
    }
}

fn numbered(number: usize, fault: FieldFault) -> FieldFault {
    FieldFault { field: format!("{number}.{}", fault.field), ..fault }
}
