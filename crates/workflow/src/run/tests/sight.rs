//! Who sees what of a case.

use super::Tale;
use crate::id::{ScopeNo, StepAt, StepNo};
use crate::run::sight::{Sight, Viewer};

/// What somebody sees of what the first step gave.
fn seen(tale: &Tale, viewer: Viewer<'_>) -> String {
    let sight = Sight::of(&tale.run, &tale.text, &tale.world, tale.now, viewer);
    let of = StepAt { step: StepNo(0), scope: ScopeNo::RUN }.item(1, 0);
    sight.output(of, tale.run.item(of).unwrap()).unwrap().get().to_owned()
}

#[test]
fn a_private_column_of_a_form_that_has_nothing_else_private_is_hidden() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        ask = "person:li"
        form.people.type = "table"
        form.people.fields.name = { type = "text" }
        form.people.fields.card = { type = "text", private = true }
        [step.b]
        ask = "group:热线"
        "#,
        "{}",
    );
    tale.hear(r#"a answer by person:li {"people":[{"name":"赵六","card":"1101"}]}"#);
    let house = seen(&tale, Viewer::House { private: false });
    assert!(house.contains("赵六") && house.contains("***") && !house.contains("1101"), "{house}");
    assert!(!seen(&tale, Viewer::Person("person:nobody")).contains("1101"));
    for who in [Viewer::House { private: true }, Viewer::Person("person:li"), Viewer::Person("person:wang")] {
        assert!(seen(&tale, who).contains("1101"), "{who:?}: the house's, whoever gave it, the owner");
    }
}
